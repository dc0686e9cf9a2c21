"""What everybody can see of a call, wired to Discord: told of every change by the companion (`show_presence`), shown by `bot.presence`."""

from __future__ import annotations

import asyncio

import discord
from discord.ext import commands

from bot.app import KithBot
from bot.presence import Shown
from bot.surfaces import ChannelStatus, Nickname
from cogs.board import presence_of


class Show(commands.Cog):
    def __init__(self, bot: KithBot) -> None:
        self._bot = bot
        self._companion = bot.companion
        self._presence = presence_of(bot.companion)
        self._clearing: set[asyncio.Task[None]] = set()  # bounded by the calls that end at once

    async def cog_load(self) -> None:
        self._companion.show_presence = self.changed

    async def cog_unload(self) -> None:
        """While Discord can still be asked: everything is put back."""
        self._companion.show_presence = None
        await asyncio.gather(self._presence.close(), *self._clearing)

    def changed(self, guild_id: int) -> None:
        """Who is there, who is heard or who speaks has changed, or the call is over."""
        guild, status = self._bot.get_guild(guild_id), self._companion.status(guild_id)
        if guild is None or status is None:
            task = asyncio.create_task(self._presence.clear(guild_id), name=f"presence over {guild_id}")
            self._clearing.add(task)
            task.add_done_callback(self._clearing.discard)
            return
        locale = self._companion.chats.locale_of(guild)
        if not self._presence.is_open(guild_id):
            self._presence.open(guild_id, status.channel_id, [Nickname(guild), self._channel_status(guild, locale)])
        channel = guild.get_channel(status.channel_id)
        persona = status.persona.name_in(locale) if status.persona is not None else status.persona_name
        name = channel.name if channel is not None else "?"
        self._presence.show(guild_id, Shown(name, persona, len(status.heard), status.present))

    def _channel_status(self, guild: discord.Guild, locale: str) -> ChannelStatus:
        def channel() -> object:
            status = self._companion.status(guild.id)
            return guild.get_channel(status.channel_id) if status is not None else None

        return ChannelStatus(self._companion.texts, locale, channel)


async def setup(bot: KithBot) -> None:
    await bot.add_cog(Show(bot))
