"""/status: whom the companion hears, who it is, and how the call fares."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.app import Companion, KithBot
from bot.conversation.calls import CallStatus
from bot.provenance import model_name
from bot.texts import Texts
from cogs.board import presence_of
from cogs.permissions import member_of
from cogs.wording import worded


def describe(
    texts: Texts,
    locale: str,
    status: CallStatus,
    channel: str,
    persona: str,
    model: str,
    off_record: tuple[str, int] = ("", 0),
) -> str:
    """A call in a few lines, as anybody in the server may read it. `off_record`: whose wish, and until when (0: it is on the record)."""
    lines = [
        texts.say(locale, "status-title", channel=channel, persona=persona),
        texts.say(locale, "status-heard", count=len(status.heard), names=", ".join(status.heard)),
    ]
    if off_record[1]:
        lines.append(texts.say(locale, "status-off-record", name=off_record[0], until=str(off_record[1])))
    if not status.is_connected:
        lines.append(texts.say(locale, "status-connecting"))
    elif status.is_encrypted:
        lines.append(texts.say(locale, "status-encrypted", code=status.privacy_code or "none"))
    else:
        lines.append(texts.say(locale, "status-not-encrypted"))
    lines.append(texts.say(locale, "status-model", state=status.model_state, model=model))
    if status.latest_ms is not None and status.median_ms is not None:
        latest, median = round(status.latest_ms), round(status.median_ms)
        lines.append(texts.say(locale, "status-latency", latest=latest, median=median, turns=len(status.turns)))
    if status.loss_percent >= 0.05:
        lines.append(texts.say(locale, "status-loss", loss=round(status.loss_percent, 1)))
    return "\n".join(lines)


class Status(commands.Cog):
    def __init__(self, companion: Companion) -> None:
        self._companion = companion

    @app_commands.command(name=worded("command-status"), description=worded("command-status-description"))
    @app_commands.guild_only()
    async def status(self, interaction: discord.Interaction) -> None:
        member, locale, texts = member_of(interaction), interaction.locale.value, self._companion.texts
        status = self._companion.status(member.guild.id)
        sentence = texts.say(locale, "status-none") if status is None else self._describe(member.guild, locale, status)
        await interaction.response.send_message(sentence, ephemeral=True)

    def _describe(self, guild: discord.Guild, locale: str, status: CallStatus) -> str:
        channel = guild.get_channel(status.channel_id)
        return describe(
            self._companion.texts,
            locale,
            status,
            channel.name if channel is not None else "?",
            status.persona.name_in(locale) if status.persona is not None else status.persona_name,
            model_name(self._companion.settings, self._companion.texts, locale),
            presence_of(self._companion).off_record_of(guild.id),
        )


async def setup(bot: KithBot) -> None:
    await bot.add_cog(Status(bot.companion))
