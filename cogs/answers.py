"""How an interaction is answered in time, whatever the disk is about: Discord forgets one that has no first answer within 3 s.

Work that may wait for the database begins, and when it takes its time the interaction is acknowledged first (`promptly`); it ends with what
became of the work. What has to be known before there can be a first answer at all (a form must be one) is refused when it is late (`in_time`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import discord

from bot.errors import KithError

PATIENCE_S: Final = 1.0
"""Work that takes longer is acknowledged first."""

LATEST_S: Final = 2.0
"""Of Discord's 3 s, for what is asked of the database before the first answer; the rest is the answer's way."""

T = TypeVar("T")

_late: set[asyncio.Future[Any]] = (
    set()
)  # reads that nobody waits for any more; bounded by the presses while the database is slow


async def promptly(interaction: discord.Interaction, work: Coroutine[Any, Any, T], *, is_new: bool = False) -> T:
    """`work`; when it takes its time, Discord hears first that an answer will come (`is_new`: in a message of its own, for their eyes only)."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=PATIENCE_S)
        if not done and not interaction.response.is_done():
            await interaction.response.defer(ephemeral=True, thinking=is_new)
    finally:
        result = await task
    return result


async def in_time(reading: Coroutine[Any, Any, T]) -> T:
    """What is only read. Raises `KithError` when it takes too long: nothing was changed, and the member may try again."""
    task = asyncio.ensure_future(reading)
    done, _ = await asyncio.wait({task}, timeout=LATEST_S)
    if not done:
        _late.add(
            task
        )  # it ends by itself: a connection that is cancelled in the middle of something has to be made anew
        task.add_done_callback(_drop)
        raise KithError("the database takes its time", key="error-slow")
    return await task


def _drop(task: asyncio.Future[Any]) -> None:
    _late.discard(task)
    if not task.cancelled():
        task.exception()


async def replace(interaction: discord.Interaction, **message: Any) -> None:
    """In the place of the message that was pressed, acknowledged or not. `message`: content, embed, view and the like."""
    if interaction.response.is_done():
        await interaction.edit_original_response(**message)
    else:
        await interaction.response.edit_message(**message)
