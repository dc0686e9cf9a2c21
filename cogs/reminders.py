"""/reminders: what a member asked to be reminded of, for their eyes only, and taking one away; and the button that shows one that is due."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Self

import discord
import structlog
from discord import ButtonStyle, app_commands, ui
from discord.app_commands import Choice
from discord.ext import commands

from bot.app import Companion, KithBot, answer_fault
from bot.errands import LATE_S, button_id
from bot.errors import KithError
from bot.storage.reminders import Reminder
from bot.texts import Texts, discord_time, short
from bot.tools.reminders import Reminders
from cogs.answers import promptly
from cogs.permissions import member_of
from cogs.wording import worded

CHOICE_LIMIT: Final = 100
CHOICES: Final = 25
"""Discord takes no more, and none at all of a longer list."""

MESSAGE_LIMIT: Final = 2_000
LINE_CHARS: Final = (200, 60, 30, 20)
"""So much of each text is shown: the first that lets all of them fit into one message, escapes and all."""

_log = structlog.get_logger(__name__)


def shown(texts: Texts, locale: str, reminder: Reminder) -> str:
    """What a reminder is about, as whoever asked reads it."""
    if not reminder.text:
        return texts.say(locale, "reminder-due-blank")
    is_late = reminder.told_at is not None and (reminder.told_at - reminder.due_at).total_seconds() > LATE_S
    if is_late:
        return texts.say(locale, "reminder-late", at=discord_time(reminder.due_at), text=reminder.text)
    return texts.say(locale, "reminder-due", text=reminder.text)


def listed(texts: Texts, locale: str, reminders: Sequence[Reminder]) -> str:
    """Every reminder, a line each, in Discord's own times: everybody reads them in their zone. Where not all fit, those that have waited longest are
    left out: each has a button of its own in the chat."""
    if not reminders:
        return texts.say(locale, "reminder-none")
    title = texts.say(locale, "reminder-list", count=len(reminders))
    lines: list[str] = []
    for limit in LINE_CHARS:
        lines = [
            texts.say(locale, "reminder-line", at=discord_time(one.due_at), text=short(one.text, limit))
            for one in reminders
        ]
        if len("\n".join([title, *lines])) <= MESSAGE_LIMIT:
            break
    while len("\n".join([title, *lines])) > MESSAGE_LIMIT:
        del lines[0]
    return "\n".join([title, *lines])


def choices(reminders: Sequence[Reminder], typed: str) -> list[Choice[str]]:
    """What the option offers while someone types: those to come first, then those that wait to be read."""
    wanted = typed.strip().casefold()
    found = [one for one in reminders if wanted in one.text.casefold()]
    found.sort(key=lambda one: one.told_at is not None)
    return [
        Choice(name=short(f"{one.due_at:%m-%d %H:%M} UTC · {one.text}", CHOICE_LIMIT), value=one.reminder_id)
        for one in found[:CHOICES]
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


class ReminderButton(
    ui.DynamicItem[ui.Button[ui.View]],
    template=r"kith:reminder:(?P<user_id>\d{1,20}):(?P<reminder_id>[0-9a-f]{32})",
):
    """Under the message that a reminder is due. It shows what of to whoever asked, and outlives restarts."""

    def __init__(self, user_id: int, reminder_id: str, label: str = "") -> None:
        custom_id = button_id(user_id, reminder_id)
        super().__init__(ui.Button(style=ButtonStyle.secondary, label=label or "…", custom_id=custom_id))
        self._user_id = user_id
        self._reminder_id = reminder_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: ui.Item[ui.View], match: re.Match[str], /
    ) -> Self:
        return cls(int(match["user_id"]), match["reminder_id"], getattr(item, "label", None) or "")

    async def callback(self, interaction: discord.Interaction) -> None:
        assert isinstance(interaction.client, KithBot)
        companion = interaction.client.companion
        try:
            await self._show(companion, interaction)
        except discord.NotFound as error:  # Discord forgot the press: it can be pressed again
            _log.info("press_expired", command="reminder", error=type(error).__name__)
        except Exception as error:  # answered to the member, and logged if it is a bug
            await answer_fault(companion.texts, interaction, error)

    async def _show(self, companion: Companion, interaction: discord.Interaction) -> None:
        """Raises `KithError` for anybody else, and where it is not kept any more."""
        member = member_of(interaction)
        if member.id != self._user_id:
            raise KithError("somebody else's reminder", key="error-reminder-not-yours")
        looking = companion.errands.reminders.waiting(member.guild.id, member.id, self._reminder_id)
        reminder = await promptly(interaction, looking, is_new=True)
        if reminder is None:
            raise KithError("the reminder is not kept any more", key="error-reminder-over")
        words = shown(companion.texts, interaction.locale.value, reminder)
        if interaction.response.is_done():
            await interaction.edit_original_response(content=words)
        else:
            await interaction.response.send_message(words, ephemeral=True)


async def setup(bot: KithBot) -> None:
    await bot.add_cog(ReminderCog(bot.companion, bot.companion.errands.reminders))
    bot.add_dynamic_items(ReminderButton)
