"""Who may be in the encrypted group, and what becomes of those whom nobody announced. Sans-I/O.

"Clients should refuse to add users who are not known to be in the call." But an announcement (op 11, a voice state) may come
a moment after the Add. So a doubt lasts `WAIT_S`: what arrives meanwhile is held, in its order. If nobody announces the
stranger, the group is refused once (op 31); when the server insists, the room is told, and life goes on. Never a loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

WAIT_S: Final = 0.5
HELD_MESSAGES: Final = 32
MOST_REFUSED: Final = 64
"""A server that adds more strangers than this is not refused each time."""


class Strangers:
    def __init__(self, user_id: int, expected: Iterable[int]) -> None:
        self._user_id = user_id
        self._expected = {user_id, *expected}
        self._announced = set(self._expected)
        self._refused: set[int] = set()
        self._tolerated: set[int] = set()
        self._in_doubt: set[int] = set()
        self._inside: set[int] = set()
        self._until = 0.0
        self._held: deque[tuple[int, bytes]] = deque(maxlen=HELD_MESSAGES)

    @property
    def allowed(self) -> set[int]:
        """Who may be added now."""
        return self._expected | self._tolerated

    @property
    def are_inside(self) -> bool:
        """Somebody in doubt would hear what we say."""
        return bool(self._inside)

    @property
    def until(self) -> float | None:
        """When the doubt is over; None: there is none."""
        return self._until if self._in_doubt else None

    @property
    def are_holding(self) -> bool:
        """Messages wait for a doubt to be over; what comes next has to wait behind them."""
        return bool(self._held)

    def is_expected(self, user_id: int) -> bool:
        return user_id in self._expected

    def expect(self, user_id: int) -> bool:
        """The user was announced. True: that settled a doubt."""
        self._expected.add(user_id)
        self._announced.add(user_id)
        self._refused.discard(user_id)
        self._tolerated.discard(user_id)
        was_in_doubt = user_id in self._in_doubt
        self._in_doubt.discard(user_id)
        self._inside.discard(user_id)
        return was_in_doubt and not self._in_doubt

    def dismiss(self, user_id: int) -> None:
        """The user is gone: an Add would be a surprise."""
        if user_id != self._user_id:
            self._expected.discard(user_id)

    def doubt(self, user_id: int, op: int, payload: bytes, now: float) -> None:
        """Proposals add this user, whom nobody announced: they wait."""
        self._held.append((op, payload))
        self._in_doubt.add(user_id)
        self._until = now + WAIT_S

    def look_around(self, user_ids: set[int], now: float) -> None:
        """We were added to a group of these. Whoever was announced and left since is on the way out, and no stranger."""
        self._inside = user_ids - self._announced - self._tolerated
        if self._inside:
            self._in_doubt |= self._inside
            self._until = now + WAIT_S

    def hold(self, op: int, payload: bytes) -> bool:
        """False: there is no room for more."""
        if len(self._held) == HELD_MESSAGES:
            return False
        self._held.append((op, payload))
        return True

    def release(self) -> list[tuple[int, bytes]]:
        """What waited, in its order."""
        waiting = list(self._held)
        self._held.clear()
        return waiting

    def judge(self) -> list[int]:
        """The time is up. Those who have to be tolerated from now on; empty: refuse the group."""
        doubted = set(self._in_doubt)
        if not doubted <= self._refused and len(self._refused) < MOST_REFUSED:
            self._refused |= doubted
            return []
        self._tolerated |= doubted
        self._in_doubt.clear()
        self._inside.clear()
        return sorted(doubted)

    def forget(self) -> None:
        """The group is given up, and what was in doubt with it."""
        self._held.clear()
        self._in_doubt.clear()
        self._inside.clear()
