"""Members whose encrypted sound cannot be opened, and what to do about it. Sans-I/O; it outlives the voice sessions of a call.

A run of failures may be ours (our group went astray: nobody can be opened) or the sender's (a broken client: others can). What
mends the one would only disturb a call over the other, and a single broken client must not be able to end it. The steps:

1. Runs of more than `FAILURES_TOLERATED` of a member, while somebody else is heard: after `STRIKES` the member is left out.
2. Nobody is heard: the group is joined anew (op 31), twice at most, then by a fresh voice session, once.
3. That did not help either: the member is left out.

Whoever is left out is still tried with every packet, and one that opens brings them back; their failures just lead to nothing any
more. The room is told once for each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

FAILURES_TOLERATED: Final = 36
"""Of one member, running: right after a change of keys some fail on a good connection, too."""

RECENT_FAILURES: Final = FAILURES_TOLERATED // 2
"""Somebody who is heard in the later half of a run proves that the keys are good; in the first half they may just have changed."""

STRIKES: Final = 3
"""Whoever has just come may be heard before the message that adds them to the group is."""

GROUP_TRIES: Final = 2
SESSION_TRIES: Final = 1
REMEMBERED: Final = 64
"""Members with a run or a history; consenting members who send what nobody can open."""


class Remedy(IntEnum):
    NONE = 0
    GROUP = 1  # join the group anew
    SESSION = 2  # a fresh voice session


@dataclass(slots=True)
class _Run:
    failures: int = 0
    is_other_heard: bool = False
    strikes: int = 0
    tries: int = 0
    is_left_out: bool = False


class Unheard:
    """Told of every frame of a member that opened or failed to; says what is to be done when it is asked."""

    def __init__(self) -> None:
        self._runs: dict[int, _Run] = {}
        self._told: set[int] = set()
        self.is_due = False
        """A run is long enough to do something about it."""

    @property
    def has_runs(self) -> bool:
        """Somebody has a run or a history, so that `opened` matters."""
        return bool(self._runs)

    @property
    def left_out(self) -> frozenset[int]:
        return frozenset(user_id for user_id, run in self._runs.items() if run.is_left_out)

    def opened(self, user_id: int) -> None:
        """A frame of this member could be opened: all is well with them, and with the keys."""
        self._runs.pop(user_id, None)
        for run in self._runs.values():
            run.is_other_heard = run.is_other_heard or run.failures >= RECENT_FAILURES

    def failed(self, user_id: int) -> None:
        """A frame that should have opened did not."""
        run = self._runs.get(user_id)
        if run is None:
            if len(self._runs) >= REMEMBERED:
                return
            run = self._runs[user_id] = _Run()
        run.failures += 1
        self.is_due = self.is_due or (run.failures > FAILURES_TOLERATED and not run.is_left_out)

    def judge(self) -> tuple[Remedy, list[int]]:
        """What to do about the runs that are long enough, and of whom the room has to be told."""
        self.is_due = False
        remedy, untold = Remedy.NONE, list[int]()
        for user_id, run in self._runs.items():
            if run.is_left_out or run.failures <= FAILURES_TOLERATED:
                continue
            if run.is_other_heard:
                run.strikes += 1
            else:
                run.tries += 1
                remedy = max(remedy, _remedy(run.tries))
            run.failures, run.is_other_heard = 0, False
            if run.strikes >= STRIKES or run.tries > GROUP_TRIES + SESSION_TRIES:
                run.is_left_out = True
                if user_id not in self._told and len(self._told) < REMEMBERED:
                    untold.append(user_id)
        self._told.update(untold)
        return remedy, untold

    def keys_changed(self) -> None:
        """What failed under the old keys says nothing about the new ones."""
        self.is_due = False
        for run in self._runs.values():
            run.failures, run.is_other_heard = 0, False


def _remedy(tries: int) -> Remedy:
    if tries <= GROUP_TRIES:
        return Remedy.GROUP
    return Remedy.SESSION if tries <= GROUP_TRIES + SESSION_TRIES else Remedy.NONE
