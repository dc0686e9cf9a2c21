"""What goes by itself when it has had its time: memories that nobody used, proposals that nobody answered, recaps of yesterday, old books and lists."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from bot.errors import KithError
from bot.memory.keeper import Keeper
from bot.storage.estate import Estate

EVERY_S: Final = 3_600.0
AGAIN_S: Final = 60.0
_log = structlog.get_logger(__name__)


async def keep_house(
    keeper: Keeper, estate: Estate, guild_ids: Callable[[], Iterable[int]], now: Callable[[], datetime]
) -> None:
    """At the start, and every hour after that; a database that fails is asked again an hour later."""
    while True:
        for work in (partial(keeper.keep_house, now(), list(guild_ids())), partial(estate.clear_out, now())):
            try:
                await work()
            except KithError as error:  # the one must not keep the other waiting
                _log.warning("housekeeping_failed", error=type(error).__name__)
        await asyncio.sleep(EVERY_S)


async def keep_going(work: Callable[[], Awaitable[None]], again_s: float = AGAIN_S) -> None:
    """`work` for as long as the house stands: a bug in it is told, and it begins anew after `again_s`. Nothing else of the house ends with it."""
    while True:
        try:
            await work()
        except Exception:
            _log.exception("a bug in the house")
        await asyncio.sleep(again_s)
