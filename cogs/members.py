"""What happens around the calls without anybody asking: members come and go, servers remove the bot."""

from __future__ import annotations

import discord
from discord.ext import commands

from bot.app import Companion, KithBot


class Members(commands.Cog):
    def __init__(self, companion: Companion) -> None:
        self._companion = companion

    @commands.Cog.listener()
    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        self._companion.calls.on_voice_state(member, before, after)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was removed: what was kept for the server goes at once."""
        await self._companion.forget_guild(guild.id)


async def setup(bot: KithBot) -> None:
    await bot.add_cog(Members(bot.companion))
