"""/recap: the points of the last talk in a voice channel, as far as whoever asks was there to hear them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import discord
from discord import app_commands
from discord.ext import commands

from bot.app import Companion, KithBot
from bot.errors import KithError
from bot.storage.consent import Scope
from bot.storage.guilds import MemoryMode
from bot.storage.memories import RecapPoint
from bot.texts import Texts, discord_time
from cogs.pace import by_member
from cogs.permissions import member_of
from cogs.wording import worded

WORDS_LIMIT: Final = 4_000
"""Discord's limit for what an embed describes is 4 096."""


def last_talk(points: Sequence[RecapPoint]) -> list[RecapPoint]:
    """The points of the newest of these talks, in the order in which they came up."""
    ordered = sorted(points, key=lambda point: (point.made_at, point.point_id))
    return [point for point in ordered if point.call_id == ordered[-1].call_id]


def recap_words(
    texts: Texts, locale: str, channel: str, points: Sequence[RecapPoint], *, mode: MemoryMode, is_agreed: bool
) -> str:
    """The last talk in this channel; or plainly that there is nothing, and why."""
    talk = last_talk(points)
    lines: list[str] = []
    if talk:
        lines.append(texts.say(locale, "recap-title", channel=channel, ended=discord_time(talk[-1].made_at)))
        lines += [texts.say(locale, "recap-point", user=str(point.user_id), text=point.text) for point in talk]
        lines.append(texts.say(locale, "recap-whose"))
    else:
        lines.append(texts.say(locale, "recap-none", channel=channel))
        lines.append(texts.say(locale, "error-memory-off" if mode is MemoryMode.OFF else "recap-none-why"))
    if mode is not MemoryMode.OFF and not is_agreed:
        lines.append(texts.say(locale, "recap-agree"))
    return _fitting(lines)


def _fitting(lines: list[str]) -> str:
    """From the front, as many whole lines as Discord takes; the last line always."""
    *others, last = lines
    kept: list[str] = []
    for line in others:
        if len("\n".join([*kept, line, last])) > WORDS_LIMIT:
            break
        kept.append(line)
    return "\n".join([*kept, last])


def room_of(interaction: discord.Interaction) -> discord.VoiceChannel | discord.StageChannel:
    """The voice channel whose talk is meant: where the member sits, else the one whose chat they write in. Raises `KithError`."""
    member = member_of(interaction)
    inside = member.voice.channel if member.voice is not None else None
    for channel in (inside, interaction.channel):
        if isinstance(channel, (discord.VoiceChannel, discord.StageChannel)):
            return channel
    raise KithError("neither in a voice channel nor in one's chat", key="error-recap-where")


class Recap(commands.Cog):
    def __init__(self, companion: Companion) -> None:
        self._companion = companion

    @app_commands.command(name=worded("command-recap"), description=worded("command-recap-description"))
    @app_commands.guild_only()
    @app_commands.checks.cooldown(5, 60.0, key=by_member)
    async def recap(self, interaction: discord.Interaction) -> None:
        member, companion = member_of(interaction), self._companion
        channel = room_of(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        settings = await companion.guilds.get(member.guild.id)
        points = await companion.keeper.recap(member.guild.id, channel.id, frozenset({member.id}))
        words = recap_words(
            companion.texts,
            interaction.locale.value,
            channel.name,
            points,
            mode=settings.memory,
            is_agreed=await companion.keeper.agreed(member.guild.id, member.id, Scope.TRANSCRIPT),
        )
        await interaction.edit_original_response(embed=discord.Embed(description=words))


async def setup(bot: KithBot) -> None:
    await bot.add_cog(Recap(bot.companion))
