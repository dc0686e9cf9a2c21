"""Waiting for what a test is about: for the thing itself, never for a while that is hoped to be enough."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

PATIENCE_S: Final = 40.0
"""Longer than anything here takes on a slow machine that has other work: whoever waits in vain waits once."""

START_S: Final = 90.0
"""The same for a process that first imports everything."""

_LOOK_EVERY_S: Final = 0.02


async def until(holds: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Until it holds: for what tells nobody that it happened. Raises TimeoutError."""
    async with asyncio.timeout(patience_s):
        while not holds():  # noqa: ASYNC110 -- there is no event for it
            await asyncio.sleep(_LOOK_EVERY_S)
