"""Changes of version or of keys that were announced (op 21, 29, 30) and wait for their execution (op 22). Sans-I/O, bounded."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

EXPIRY_S: Final = 10.0
"""A server executes after 2 to 3 s at most; an op 22 that has not come by now will not come."""

PENDING_MOST: Final = 16


class _Transition(NamedTuple):
    version: int
    expires_at: float


class Transitions:
    """Pending ones by id, the oldest first."""

    def __init__(self) -> None:
        self._pending: OrderedDict[int, _Transition] = OrderedDict()
        self.last_id = 0
        """Of the newest one announced; an op 31 names it."""

    @property
    def are_pending(self) -> bool:
        return bool(self._pending)

    @property
    def lead_to_plain(self) -> bool:
        """One of them goes to version 0, so that plain frames may come any time now."""
        return bool(self._pending) and any(transition.version == 0 for transition in self._pending.values())

    @property
    def next_deadline(self) -> float | None:
        return min((transition.expires_at for transition in self._pending.values()), default=None)

    def announce(self, transition_id: int, version: int, now: float) -> None:
        while len(self._pending) >= PENDING_MOST:
            self._pending.popitem(last=False)
        self._pending[transition_id] = _Transition(version, now + EXPIRY_S)

    def take(self, transition_id: int) -> int | None:
        """The version that this one leads to. It is not pending any more; None: it never was."""
        transition = self._pending.pop(transition_id, None)
        return None if transition is None else transition.version

    def expire(self, now: float) -> int:
        """Gives up those that were never executed; how many."""
        overdue = [key for key, transition in self._pending.items() if now >= transition.expires_at]
        for transition_id in overdue:
            del self._pending[transition_id]
        return len(overdue)

    def clear(self) -> None:
        self._pending.clear()
