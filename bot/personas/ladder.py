"""The ladder of boundaries, climbed by the host: how often one member went too far, and which step is due.

A step a time, each member by themselves; ten quiet minutes forgive one step. The fourth step is that the companion leaves.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from bot.personas import phrases
from bot.personas.persona import Boundaries
from bot.personas.words import bare, first_phrase

FORGIVEN_S: Final = 600.0
MEMBERS: Final = 64
"""Whose steps are remembered; the one who was quiet longest goes first."""


class Step(IntEnum):
    TEASE = 1
    FIRM = 2
    LEAVE_SUBJECT = 3
    LEAVE_CHANNEL = 4


class Ladder:
    """Of one persona in one call. `heard` answers with the step that is due, or `None`."""

    def __init__(self, boundaries: Boundaries) -> None:
        self._boundaries = boundaries
        self._cues = (*boundaries.cues, *phrases.TOO_FAR)
        self._members: dict[int, tuple[int, float]] = {}  # user id: step, and when

    @property
    def highest(self) -> Step | None:
        """How far anybody is up."""
        return Step(max(step for step, _ in self._members.values())) if self._members else None

    def heard(self, user_id: int, text: str, now: float) -> Step | None:
        if first_phrase(bare(text), self._cues) is None:
            return None
        step, at = self._members.pop(user_id, (0, now))
        forgiven = int((now - at) // FORGIVEN_S)
        step = min(Step.LEAVE_CHANNEL, max(0, step - forgiven) + 1)
        self._members[user_id] = (step, now)
        if len(self._members) > MEMBERS:
            del self._members[next(iter(self._members))]
        return Step(step)

    def advice(self, step: Step, name: str) -> str:
        """What the model is told. `name` is clean; it is data all the same."""
        ladder = self._boundaries
        how = (ladder.tease, ladder.firm, ladder.leave_subject, ladder.leave_channel)[step - 1]
        return f'"{name}" went too far. Step {int(step)} of 4, no other: {" ".join(how.split())}'
