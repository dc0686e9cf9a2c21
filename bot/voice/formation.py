"""Whether the encrypted group ever forms. Sans-I/O.

A voice session can stand with everything but the keys: some message of the group's went astray, and nobody says so. While others
are here and no group holds us, the steps are, `FORM_S` apart: join the group anew (op 31); a fresh voice session; tell the room.
Then nothing more, until a group has stood.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

FORM_S: Final = 15.0
"""Discord takes a second; a member on a bad line takes some."""


class Step(Enum):
    GROUP = auto()
    SESSION = auto()
    TELL = auto()


class Formation:
    """Asked at every tick whether it is time to do something."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._steps = list(Step)

    @property
    def due_at(self) -> float | None:
        return None if self._since is None or not self._steps else self._since + FORM_S

    def stood(self) -> None:
        """A group holds us."""
        self._since, self._steps = None, list(Step)

    def look(self, is_missing: bool, now: float) -> Step | None:
        """`is_missing`: media are connected, others are here, and there is no group. What to do about it now."""
        if not is_missing:
            self._since = None
            return None
        if self._since is None:
            self._since = now
        if self.due_at is None or now < self.due_at:
            return None
        self._since = now
        return self._steps.pop(0)
