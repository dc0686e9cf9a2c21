"""/join, /leave, /say: into the caller's channel, out of it, and typing into the talk."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import discord
from discord import app_commands
from discord.app_commands import Range
from discord.ext import commands

from bot.app import Companion, KithBot
from bot.errors import KithError
from cogs.board import keep_true
from cogs.pace import by_guild
from cogs.panel import Panel, panel_sentence
from cogs.permissions import check_may_come, check_may_use, member_of
from cogs.wording import worded

TEXT_LIMIT = 500


def channel_of(member: discord.Member) -> discord.VoiceChannel | discord.StageChannel:
    """Where the member sits. Raises `KithError` for one who is in no voice channel."""
    if member.voice is None or member.voice.channel is None:
        raise KithError("the caller is in no voice channel", key="error-not-in-voice")
    return member.voice.channel


def chat_of(interaction: discord.Interaction, channel: discord.abc.Messageable) -> discord.abc.Messageable:
    """Where the room is told things: where the command was typed, or the voice channel's own chat."""
    return interaction.channel if isinstance(interaction.channel, discord.abc.Messageable) else channel


class Voice(commands.Cog):
    def __init__(self, companion: Companion) -> None:
        self._companion = companion

    @app_commands.command(name=worded("command-join"), description=worded("command-join-description"))
    @app_commands.guild_only()
    @app_commands.checks.cooldown(3, 15.0, key=by_guild)
    async def join(self, interaction: discord.Interaction) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        channel = channel_of(member)
        await interaction.response.defer(thinking=True)
        await check_may_use(self._companion, member, interaction.permissions)
        await check_may_come(self._companion, channel, datetime.now(UTC))
        interaction.client.dispatch("companion_called", member.guild)
        persona = await self._companion.join(channel, chat_of(interaction, channel), locale)
        sentence = panel_sentence(self._companion, locale, channel.name, persona)
        panel = await interaction.edit_original_response(content=sentence, view=Panel(self._companion, locale))
        keep_true(self._companion, member.guild.id, locale, panel)

    @app_commands.command(name=worded("command-leave"), description=worded("command-leave-description"))
    @app_commands.guild_only()
    async def leave(self, interaction: discord.Interaction) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        is_there = self._companion.status(member.guild.id) is not None
        await interaction.response.defer(thinking=True, ephemeral=not is_there)
        if is_there:
            interaction.client.dispatch("companion_sent_away", member.guild)
        has_left = await self._companion.leave(member.guild.id)
        key = "leave-done" if has_left else "leave-not-here"
        await interaction.edit_original_response(content=self._companion.texts.say(locale, key))

    @app_commands.command(name=worded("command-say"), description=worded("command-say-description"))
    @app_commands.rename(text=worded("option-text"))
    @app_commands.describe(text=worded("option-text-description"))
    @app_commands.guild_only()
    @app_commands.checks.cooldown(5, 15.0)
    async def say(self, interaction: discord.Interaction, text: Annotated[str, Range[str, 1, TEXT_LIMIT]]) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        await interaction.response.defer(ephemeral=True, thinking=True)
        if len(text) > TEXT_LIMIT:  # Discord's client keeps to the limit; another one may not
            raise KithError(f"{len(text)} characters", key="error-option")
        await check_may_use(self._companion, member, interaction.permissions)
        await self._companion.say(member, text)
        await interaction.edit_original_response(content=self._companion.texts.say(locale, "say-done"))


async def setup(bot: KithBot) -> None:
    await bot.add_cog(Voice(bot.companion))
