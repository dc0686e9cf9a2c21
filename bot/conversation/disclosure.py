"""Saying again, in a long call, that the companion is an AI: every three hours, as California's SB 243 asks for minors and nobody minds otherwise."""

from __future__ import annotations

from typing import Final

EVERY_S: Final = 3 * 3600.0

DISCLOSURE_NOTE: Final = (
    "This call has lasted for hours. In your next words remind everybody, in one plain and friendly sentence, that you are an AI and not a person, "
    "and that a short break is a good idea; then go on as before."
)
"""The host's note for the model."""


class Disclosure:
    """Of one call. The notice at join was the first time: the first `due` starts the clock."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._next_at: float | None = None

    def due(self, now: float) -> bool:
        """Whether it is to be said now; then it counts as said. `now`: seconds, monotonic."""
        if self._next_at is None:
            self._next_at = now + self._every_s
        if now < self._next_at:
            return False
        self._next_at = now + self._every_s
        return True
