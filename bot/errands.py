"""What the model may do in a call, put together: the toolbox, the reminders that outlive a call, and how both reach the room they belong to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import discord

from bot.conversation.call import Call
from bot.conversation.calls import Calls
from bot.conversation.events import CallTool, ToolAnswered
from bot.errors import KithError
from bot.personas.persona import Persona
from bot.realtime.events import ToolSpec
from bot.settings import Settings
from bot.storage.guilds import GuildSettings
from bot.storage.reminders import Reminder, ReminderRepository
from bot.texts import ENGLISH, Texts, discord_time
from bot.tools.reminders import Reminders, Said, hinted, spoken
from bot.tools.search import Search
from bot.tools.tool import ToolRoom
from bot.tools.toolbox import Toolbox

LATE_S: Final = 120.0
"""A reminder that is written so long after its time says when it was meant to come."""


class Errands:
    """Tools and reminders of the house. `calls` is asked for when it is needed: calls are made with this."""

    def __init__(
        self,
        settings: Settings,
        repository: ReminderRepository,
        texts: Texts,
        calls: Callable[[], Calls],
        now: Callable[[], datetime],
        *,
        has_built_in_search: bool = False,
    ) -> None:
        """`has_built_in_search`: the model brings a web search of its own."""

        self.find_channel: Callable[[int], object] = lambda channel_id: None
        """Discord's cache: the bot sets it when it is there."""

        self.reminders = Reminders(repository, self, now)
        self._toolbox = Toolbox(self.reminders, _search(settings), now)
        self._has_search = has_built_in_search or settings.kith_search_url is not None
        self._has_built_in_search = has_built_in_search
        self._texts = texts
        self._calls = calls
        self._now = now

    @property
    def has_search(self) -> bool:
        """There is a web search: the operator's, or the model's own."""
        return self._has_search

    # ------------------------------------------------------------------ the model's calls

    def specs(self, persona: Persona, settings: GuildSettings, has_memory: bool) -> tuple[ToolSpec, ...]:
        """What the model is offered."""
        return self._toolbox.specs(
            persona, settings, has_memory=has_memory, has_built_in_search=self._has_built_in_search
        )

    async def run(self, call: Call, asked: CallTool) -> ToolAnswered:
        room = ToolRoom(
            guild_id=call.guild.id,
            channel_id=call.session.voice.channel_id,
            persona=call.persona,
            settings=call.settings,
            memory=call.memory,
            name_of=call.name_of,
            user_of=call.user_of,
            language=call.persona.language,
            present=call.company,
        )
        return await self._toolbox.run(asked, room)

    # ------------------------------------------------------------------ reminders that are due (`bot.tools.reminders.Room`)

    def say(self, reminder: Reminder) -> Said:
        """In the call, if it is on in that channel, somebody is heard there, and whoever asked is there. In a pause only: what waits to be said
        would be heard by whoever comes meanwhile."""
        call = self._calls().call(reminder.guild_id)
        if call is None or call.session.voice.channel_id != reminder.channel_id or reminder.user_id not in call.present:
            return Said.NOT_HERE
        conversation = call.session.conversation
        if not conversation.wants_model or conversation.is_parting:
            return Said.NOT_HERE
        if conversation.is_busy or not conversation.is_model_ready:
            return Said.BUSY
        if not reminder.text or not reminder.heard_by >= call.company:
            return Said.NOT_ALL_HEARD
        is_told = self._calls().tell(reminder.guild_id, spoken(reminder, call.name_of(reminder.user_id)))
        return Said.WORDS if is_told else Said.NOT_HERE

    def hint(self, reminder: Reminder) -> None:
        call = self._calls().call(reminder.guild_id)
        if call is not None and reminder.user_id in call.present:
            self._calls().tell(reminder.guild_id, hinted(call.name_of(reminder.user_id)))

    async def write(self, reminder: Reminder) -> None:
        """In the channel's chat, to whoever asked, in the language that they asked in. Raises `KithError` when it takes no message."""
        channel = self.find_channel(reminder.channel_id)
        if not isinstance(channel, discord.abc.Messageable):
            raise KithError("the channel of a reminder is gone")
        guild = getattr(channel, "guild", None)
        locale = reminder.language or (str(guild.preferred_locale) if guild is not None else ENGLISH)
        at = discord_time(reminder.due_at)
        is_late = (self._now() - reminder.due_at).total_seconds() > LATE_S
        told = self._texts.say(locale, "reminder-waits-late" if is_late else "reminder-waits", at=at)
        view = discord.ui.View(timeout=None)
        label = self._texts.say(locale, "reminder-button")
        view.add_item(discord.ui.Button(label=label, custom_id=button_id(reminder.user_id, reminder.reminder_id)))
        whom = discord.Object(reminder.user_id, type=discord.User)
        try:
            await channel.send(
                f"<@{whom.id}> {told}", view=view, allowed_mentions=discord.AllowedMentions(users=[whom])
            )
        except discord.DiscordException as error:
            raise KithError(f"the chat takes no message ({type(error).__name__})") from error


def button_id(user_id: int, reminder_id: str) -> str:
    """Of the button that shows the words of a reminder to this member (`cogs.reminders`): it says all that is needed, so it outlives a restart."""
    return f"kith:reminder:{user_id}:{reminder_id}"


def _search(settings: Settings) -> Search | None:
    return Search(settings.kith_search_url, settings.kith_search_key) if settings.kith_search_url is not None else None
