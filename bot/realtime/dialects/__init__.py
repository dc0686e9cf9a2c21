"""Every dialect by its name.

To add one: write `bot/realtime/dialects/VENDOR.py` with a class that fulfils `bot.realtime.dialect.Dialect`, name it in
`_MAKERS`, and put what the vendor really sent, one message a line, into `tests/realtime/recordings/VENDOR/*.jsonl`. The conformance
suite in `tests/realtime/test_conformance.py` finds it by itself. Nothing else in the house may learn the vendor's name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bot.realtime.dialect import Dialect
from bot.realtime.dialects.stepfun import LOCAL, STEPFUN, StepFunDialect

_MAKERS: Final[dict[str, Callable[[], Dialect]]] = {
    "stepfun": lambda: StepFunDialect(STEPFUN),
    "local": lambda: StepFunDialect(LOCAL),
}


def names() -> tuple[str, ...]:
    return tuple(_MAKERS)


def load(name: str) -> Dialect:
    """A dialect for one link. Raises `KeyError` for a name that is not in `names()`."""
    return _MAKERS[name]()
