"""What happens around the calls without anybody asking: members come and go, servers remove the bot."""

from __future__ import annotations

import discord
import structlog
from discord.ext import commands

from bot.app import Companion, KithBot
from cogs.panel import Panel, panel_sentence

_log = structlog.get_logger(__name__)


class Members(commands.Cog):
    def __init__(self, companion: Companion) -> None:
        self._companion = companion

    @commands.Cog.listener()
    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        self._companion.calls.on_voice_state(member, before, after)
        is_moved = member.id == member.guild.me.id and before.channel is not None and before.channel != after.channel
        if is_moved and isinstance(after.channel, (discord.VoiceChannel, discord.StageChannel)):
            await self._introduce(after.channel)

    async def _introduce(self, channel: discord.VoiceChannel | discord.StageChannel) -> None:
        """A moderator moved us to other people: they get the panel in their channel's own chat."""
        status = self._companion.status(channel.guild.id)
        if status is None:
            return
        locale = self._companion.locale_of(channel.guild)
        persona = self._companion.library.get(status.persona_slug)
        sentence = panel_sentence(self._companion, locale, channel.name, persona)
        try:
            await channel.send(sentence, view=Panel(self._companion, locale))
        except discord.DiscordException as error:
            _log.warning("panel_not_shown", error=type(error).__name__)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was removed: what was kept for the server goes at once."""
        await self._companion.forget_guild(guild.id)


async def setup(bot: KithBot) -> None:
    await bot.add_cog(Members(bot.companion))
