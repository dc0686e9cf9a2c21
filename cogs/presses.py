"""How often buttons are pressed: a double click is one press, and nobody presses faster than they can read. Decisions over values."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from typing import Final

DOUBLE_S: Final = 1.5
PRESSES: Final = 6
WITHIN_S: Final = 15.0
KEPT: Final = 4_096

Who = tuple[int, int]
"""Guild, member."""


class Presses:
    """`now`: seconds, monotonic."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[int, int, str], float] = OrderedDict()
        self._recent: OrderedDict[Who, deque[float]] = OrderedDict()

    def is_double(self, button: tuple[int, int, str], now: float) -> bool:
        """Whether this member pressed this button a moment ago. Each press starts the moment anew, so that a rattle is one press too."""
        before = self._last.pop(button, None)
        self._last[button] = now
        if len(self._last) > KEPT:
            self._last.popitem(last=False)
        return before is not None and now - before < DOUBLE_S

    def wait_s(self, who: Who, now: float) -> int:
        """0, and the press counts; or whole seconds until the next one may."""
        recent = self._recent.setdefault(who, deque(maxlen=PRESSES))
        self._recent.move_to_end(who)
        if len(self._recent) > KEPT:
            self._recent.popitem(last=False)
        if len(recent) == PRESSES and now - recent[0] < WITHIN_S:
            return math.ceil(WITHIN_S - (now - recent[0]))
        recent.append(now)
        return 0
