"""How long to wait before the next attempt: full jitter, so that many rooms do not come back at the same instant.

The n-th wait is a random part of min(30 s, 0.5 s · 2ⁿ), never less than a tenth of that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

FIRST_S: Final = 0.5
LONGEST_S: Final = 30.0


class Backoff:
    """`chance` gives a number from 0 to 1."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._attempt = 0

    def next_s(self) -> float:
        ceiling_s: float = min(LONGEST_S, FIRST_S * 2.0 ** min(self._attempt, 16))
        self._attempt += 1
        return ceiling_s * max(0.1, self._chance())

    def reset(self) -> None:
        self._attempt = 0
