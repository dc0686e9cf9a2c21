"""The one place where the bot is put together: `Companion` (what the house can do) opened, and `KithBot` (its Discord side) around it.

    async with open_companion(settings) as companion, KithBot(companion) as bot:
        await bot.start(token)

Nothing else makes either of them. Cogs are loaded by name: they may know this module, it may not know them.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.audio.opus import library
from bot.companion import Companion
from bot.discord_door import INTENTS, DiscordDoor, connector, use_api_base
from bot.faults import answer_fault
from bot.model_choice import check_settings, open_local_model
from bot.personas.library import Library
from bot.settings import Settings
from bot.stores import Stores

COGS: Final = (
    "cogs.wording",
    "cogs.voice",
    "cogs.persona",
    "cogs.scene",
    "cogs.presence",
    "cogs.consent",
    "cogs.privacy",
    "cogs.model",
    "cogs.status",
    "cogs.members",
    "cogs.settings",
    "cogs.memory",
    "cogs.recap",
    "cogs.reminders",
)
GUILDS_QUIET_S: Final = 1.0
"""No further server is described for so long: all are there. One that comes later is welcome too."""

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_companion(settings: Settings) -> AsyncIterator[Companion]:
    """Everything that needs no Discord, opened; closed again in the reverse order. Raises `KithError`."""
    check_settings(settings)
    library(settings.kith_opus_library)
    personas = Library.load(settings.kith_personas_dir)
    personas.get(settings.kith_persona)
    async with AsyncExitStack() as stack:
        stores = await Stores.open(settings)
        stack.push_async_callback(stores.close)
        model_url = await stack.enter_async_context(open_local_model(settings))
        companion = Companion(settings, stores, personas, model_url)
        stack.push_async_callback(companion.consent.close)
        forgotten = await companion.call_log.end_forgotten()
        if forgotten:
            _log.info("calls_ended_without_goodbye", count=forgotten)
        yield companion


class Tree(app_commands.CommandTree["KithBot"]):
    """Slash commands; whatever one of them raises is answered in one place."""

    async def on_error(self, interaction: discord.Interaction, error: app_commands.AppCommandError, /) -> None:
        await answer_fault(self.client.companion.texts, interaction, error)


class KithBot(DiscordDoor, commands.AutoShardedBot):
    """discord.py's client with our intents (servers and voice states, nothing privileged), commands and shutdown."""

    def __init__(self, companion: Companion) -> None:
        self.companion = companion
        use_api_base(companion.settings.discord_api_base)
        super().__init__(
            command_prefix=commands.when_mentioned,
            tree_cls=Tree,
            help_command=None,
            intents=INTENTS,
            allowed_mentions=discord.AllowedMentions.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            guild_ready_timeout=GUILDS_QUIET_S,
            connector=connector(),
        )
        companion.errands.find_channel = self.get_channel
        self._house: asyncio.Task[None] | None = None
        self.up = asyncio.Event()
        """Set when the bot is ready for the first time."""

    async def setup_hook(self) -> None:
        for cog in COGS:
            await self.load_extension(cog)
        synced = await self.tree.sync()
        _log.info("commands_synced", commands=len(synced))

    async def on_ready(self) -> None:
        if self.up.is_set():
            _log.info("gateway_session_is_new")
            return
        self.up.set()
        self._house = asyncio.create_task(self.companion.run(lambda: [guild.id for guild in self.guilds]), name="house")
        # What lives from here on lives long; a full collection over it would stall every call (30 to 150 ms).
        gc.collect()
        gc.freeze()
        _log.info("ready", guilds=len(self.guilds), shards=self.shard_count, provider=self.companion.settings.provider)

    async def shut_down(self, grace_s: float) -> None:
        """Goodbye to every call, then to Discord. Afterwards no socket is open."""
        await self.companion.calls.close(grace_s)
        if self._house is not None:
            self._house.cancel()
            await asyncio.wait({self._house})
        await self.close()


__all__ = ["Companion", "KithBot", "answer_fault", "open_companion"]
