"""/reminders: what a member asked to be reminded of, for their eyes only, and taking one away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import discord
from discord import app_commands
from discord.app_commands import Choice
from discord.ext import commands

from bot.app import Companion, KithBot
from bot.errors import KithError
from bot.storage.reminders import Reminder
from bot.texts import Texts, discord_time, short
from bot.tools.reminders import Reminders
from cogs.permissions import member_of
from cogs.wording import worded

CHOICE_LIMIT: Final = 100
MESSAGE_LIMIT: Final = 2_000
LINE_CHARS: Final = (200, 60, 30, 20)
"""So much of each text is shown: the first that lets all of them fit into one message, escapes and all."""


def listed(texts: Texts, locale: str, reminders: Sequence[Reminder]) -> str:
    """Every reminder, a line each, in Discord's own times: everybody reads them in their zone."""
    if not reminders:
        return texts.say(locale, "reminder-none")
    shown = ""
    for limit in LINE_CHARS:
        lines = [texts.say(locale, "reminder-list", count=len(reminders))]
        for one in reminders:
            at = discord_time(one.due_at)
            lines.append(texts.say(locale, "reminder-line", at=at, text=short(one.text, limit)))
        shown = "\n".join(lines)
        if len(shown) <= MESSAGE_LIMIT:
            break
    return shown


def choices(reminders: Sequence[Reminder], typed: str) -> list[Choice[str]]:
    """What the option offers while someone types."""
    wanted = typed.strip().casefold()
    return [
        Choice(name=short(f"{one.due_at:%m-%d %H:%M} UTC · {one.text}", CHOICE_LIMIT), value=one.reminder_id)
        for one in reminders
        if wanted in one.text.casefold()
    ]


@app_commands.guild_only()
class ReminderCog(
    commands.GroupCog,
    group_name=worded("command-reminders"),
    group_description=worded("command-reminders-description"),
):
    def __init__(self, companion: Companion, reminders: Reminders) -> None:
        self._texts = companion.texts
        self._reminders = reminders

    @app_commands.command(
        name=worded("command-reminders-show"), description=worded("command-reminders-show-description")
    )
    async def show(self, interaction: discord.Interaction) -> None:
        member = member_of(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        mine = await self._reminders.of_member(member.guild.id, member.id)
        await interaction.edit_original_response(content=listed(self._texts, interaction.locale.value, mine))

    @app_commands.command(
        name=worded("command-reminders-cancel"), description=worded("command-reminders-cancel-description")
    )
    @app_commands.rename(reminder=worded("option-reminder"))
    @app_commands.describe(reminder=worded("option-reminder-description"))
    async def cancel(self, interaction: discord.Interaction, reminder: str) -> None:
        member = member_of(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        if not await self._reminders.cancel(member.guild.id, member.id, reminder):
            raise KithError("a member has no such reminder", key="error-reminder-unknown")
        told = self._texts.say(interaction.locale.value, "reminder-cancelled")
        await interaction.edit_original_response(content=told)

    @cancel.autocomplete("reminder")
    async def _suggest(self, interaction: discord.Interaction, typed: str) -> list[Choice[str]]:
        member = member_of(interaction)
        return choices(await self._reminders.of_member(member.guild.id, member.id), typed)


async def setup(bot: KithBot) -> None:
    await bot.add_cog(ReminderCog(bot.companion, bot.companion.errands.reminders))
