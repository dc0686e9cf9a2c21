"""What the house can do, as cogs ask for it: join and leave, keep and forget, be somebody else, say how it fares.

It introduces the calls to what they need (consent, personas, memory, budget, tools, texts, voice, model) and holds no decision of a talk, of
consent or of the media plane. Made by `bot.app.open_companion`; everything runs on the event loop.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias

import discord
import structlog

from bot.attendance import may_talk
from bot.audition import Auditions
from bot.cast import Cast
from bot.chats import Chats
from bot.consent import Consent, channel_id_of
from bot.conversation.call import Call, config_of
from bot.conversation.calls import CallOptions, Calls, CallServices, CallStatus, Channel, TextChannel
from bot.conversation.crisis import HelpLines
from bot.conversation.prices import Prices
from bot.conversation.session import Observer
from bot.errands import Errands
from bot.errors import KithError, StorageError
from bot.housekeeping import keep_going, keep_house
from bot.media import Media, make_judge
from bot.memory.call import CallMemory
from bot.memory.chat import ChatDigester
from bot.memory.digest import Digester
from bot.memory.keeper import Keeper
from bot.model_digest import ModelDigester
from bot.notice import SpokenNotice
from bot.personas.library import Library
from bot.personas.persona import Persona
from bot.personas.scenes import Scene
from bot.personas.voices import voice_for
from bot.settings import Settings
from bot.side_reply import PaidChatDigester, PaidDigester
from bot.spending import Spending
from bot.storage import personas
from bot.storage.guild_repository import Change
from bot.storage.guilds import GuildSettings, MemoryMode
from bot.stores import Stores
from bot.texts import Texts

OFF_RECORD_S: Final = 600.0
OfferProposals: TypeAlias = Callable[[TextChannel, str, frozenset[int]], Awaitable[None]]
"""(chat, locale, ids of members): they have something to keep or to drop."""

_log = structlog.get_logger(__name__)


class Companion:
    """What cogs can ask for. Made by `open_companion`; everything on the event loop."""

    def __init__(self, settings: Settings, stores: Stores, library: Library, model_url: str | None) -> None:
        self.settings = settings
        self.library = library
        """The shipped personas; `cast` knows those of a server too."""

        self.texts = Texts()
        self.chats = Chats(self.texts)
        self.ledger = stores.ledger
        self.guilds = stores.guilds
        self.choices = stores.choices
        self.call_log = stores.call_log
        self.estate = stores.estate
        self._media = Media(settings, model_url)
        self.cast = Cast(library, stores.personas, self.guilds, settings.kith_persona)
        self.keeper = Keeper(
            stores.memories, stores.recaps, self.choices, self.ledger, self.guilds, self._digester(), utc_now
        )
        self.spending = Spending(stores.usage, self.guilds, settings, utc_now, time.monotonic)
        self.errands = Errands(
            settings,
            stores.reminders,
            self.texts,
            lambda: self.calls,
            utc_now,
            has_built_in_search=self._media.has_built_in_search,
        )
        self._help_lines = HelpLines.parse(settings.kith_helplines)
        self.offer_proposals: OfferProposals | None = None
        """Asks members what to keep of a talk; a cog's."""

        self.show_presence: Callable[[int], None] | None = None
        """Told of every change of who is there and who is heard; a cog's."""

        self.observers: list[Observer] = []
        """Shown every event and command of every call, in order: rehearsals watch through them."""
        self._recasting = asyncio.Lock()
        self._off_record: dict[tuple[int, int], float] = {}  # channel: until when; bounded by the calls of ten minutes
        services = CallServices(
            allowed=self.ledger.allowed,
            persona=self.cast.of,
            tell=self.chats.tell,
            connect_voice=self._media.connect_voice,
            open_model=self._media.open_model,
            notice=SpokenNotice(self.texts, settings.kith_output_rate_hz),
            make_judge=make_judge,
            call_log=self.call_log,
            observers=lambda _: self.observers,
            settings=self.guilds.get,
            may_talk=may_talk,
            open_memory=self._open_memory,
            voice=lambda persona, chosen: voice_for(persona, settings.provider, chosen.voice, library.all()),
            tools=self.errands.specs,
            run_tool=self.errands.run,
            open_budget=self.spending.open_call,
            save_budget=self.spending.save,
            offer_proposals=self._offer_proposals,
            changed=self._changed,
            help_line=lambda guild: self._help_lines.sentence(self.chats.place_of(guild)),
            locale_of=self.chats.locale_of,
        )
        self.calls = Calls(services, CallOptions.of(settings))
        self.consent = Consent(self.ledger, self.calls, self.keeper)
        self.auditions = Auditions(self.calls, self.cast, self.spending, self._media.open_model)

    # ------------------------------------------------------------------ calls

    async def join(self, channel: Channel, text_channel: TextChannel, locale: str) -> Persona:
        """Into the channel, or already there. Answers who came. Raises `VoiceError`, `StorageError`."""
        guild_id = channel.guild.id
        self.chats.called(guild_id, locale)
        await self.ledger.load(guild_id)
        status = await self.calls.join(channel, text_channel=text_channel)
        return status.persona or self.library.get(self.settings.kith_persona)

    async def leave(self, guild_id: int) -> bool:
        return await self.calls.leave(guild_id, "asked")

    async def say(self, member: discord.Member, text: str) -> None:
        """Typed into the talk. Raises `KithError` where there is none."""
        if not text.strip():
            raise KithError("an empty text", key="error-say-empty")
        if self.calls.status(member.guild.id) is None:
            raise KithError("no call here", key="error-not-in-call")
        if not await self.calls.say(member.guild.id, member, text):
            raise KithError("nobody in the call has agreed to be heard", key="error-nobody-heard")

    def status(self, guild_id: int) -> CallStatus | None:
        return self.calls.status(guild_id)

    # ------------------------------------------------------------------ what is kept

    def memory_of(self, guild_id: int) -> CallMemory | None:
        """What the call that is on remembers."""
        call = self.calls.call(guild_id)
        return call.memory if call is not None else None

    def off_the_record(self, member: discord.Member) -> None:
        """Nothing that is said in the call is kept for the next ten minutes. Raises `KithError` for one who is not in it."""
        self.must_be_in_call(member)
        memory, now = self.memory_of(member.guild.id), time.monotonic()
        if memory is not None:
            self._off_record = {room: until for room, until in self._off_record.items() if until > now}
            self._off_record[member.guild.id, memory.channel_id] = now + OFF_RECORD_S
            memory.go_off_record(now + OFF_RECORD_S)

    async def choose_setting(
        self,
        guild_id: int,
        name: str,
        value: Any,
        *,
        user_id: int,
        expected: Callable[[GuildSettings], bool] | None = None,
    ) -> Change | None:
        """As `GuildSettingsRepository.choose`. What members agreed to stays what it was. Raises `KithError`."""
        if (name, value) == ("memory", MemoryMode.USUAL):
            await self.keeper.keep_asking(guild_id)
        return await self.guilds.choose(guild_id, name, value, user_id=user_id, expected=expected)

    async def settings_changed(self, guild_id: int) -> None:
        """An admin chose something: a call that is on follows at once. Raises `StorageError`."""
        await self.keeper.refresh(guild_id)
        settings = await self.guilds.get(guild_id)
        self.spending.settings_changed(settings)
        call = self.calls.call(guild_id)
        if call is not None:
            call.change_settings(settings)
            await self.recast(guild_id)

    async def erase_member(self, member: discord.Member) -> None:
        """Everything of the member's here goes: agreement first, then what was kept. Raises `StorageError`."""
        guild_id = member.guild.id
        await self.consent.withdraw(member)
        self.spending.forget(guild_id, member.id)
        await self.keeper.erase(guild_id, member.id, lambda: self.estate.erase_member(guild_id, member.id))
        self.cast.drop(guild_id)  # it knew who made which persona

    async def run(self, guild_ids: Callable[[], Iterable[int]]) -> None:
        """What the house does by itself while it is open: reminders, and clearing out what has had its time."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_going(self.errands.reminders.run), name="reminders")
            housekeeping = partial(keep_house, self.keeper, self.estate, guild_ids, utc_now)
            tasks.create_task(keep_going(housekeeping), name="housekeeping")

    # ------------------------------------------------------------------ personas

    async def choose_persona(
        self, guild_id: int, name: str, scope: personas.Scope = personas.Scope.SERVER, target_id: int = 0
    ) -> tuple[Persona, bool]:
        """Someone else from now on, in the call too. Answers who, and whether that is new. Raises `PersonaError`, `StorageError`."""
        chosen = await self.cast.choose(guild_id, scope, target_id, name)
        await self.recast(guild_id)
        return chosen

    async def recast(self, guild_id: int) -> None:
        """The call, if there is one, goes on as whoever speaks there now; where that cannot be read, as who it is. The last to ask has the last word."""
        async with self._recasting:
            room = self.calls.room(guild_id)
            if room is None:
                return
            try:
                persona = await self.cast.chosen(guild_id, *room)
            except StorageError:
                _log.warning("persona_not_readable", guild_id=guild_id)
                return
            await self.calls.choose_persona(guild_id, persona)

    def must_be_in_call(self, member: discord.Member) -> None:
        """Raises `KithError` for one who is not in the channel of the call: a scene is the room's own affair."""
        room = self.calls.room(member.guild.id)
        if room is None:
            raise KithError("no call here", key="error-not-in-call")
        if channel_id_of(member) != room[0]:
            raise KithError("not in the call's channel", key="error-not-in-room")

    def set_scene(self, guild_id: int, scene: Scene | None) -> None:
        """What the room does, while the call lasts. Raises `KithError` without one."""
        if not self.calls.set_scene(guild_id, scene):
            raise KithError("no call here", key="error-not-in-call")

    async def forget_guild(self, guild_id: int) -> None:
        """The bot was removed from the guild."""
        self.keeper.drop_guild(guild_id)
        await self.calls.leave(guild_id, "removed")
        self.spending.forget(guild_id)
        await self.estate.erase_guild(guild_id)
        self.cast.drop(guild_id)
        self.chats.forget(guild_id)

    # ------------------------------------------------------------------ services of the calls

    async def _open_memory(self, guild_id: int, channel_id: int) -> CallMemory | None:
        """A call goes on without memory where the database cannot give it."""
        try:
            memory = await self.keeper.open_call(guild_id, channel_id, secrets.token_hex(16))
        except StorageError as error:
            _log.warning("memory_not_readable", guild_id=guild_id, error=type(error).__name__)
            return None
        until = self._off_record.get((guild_id, channel_id))
        if until is not None:  # the wish of the room outlives a call that ends and comes back
            memory.go_off_record(until)
        return memory

    async def _offer_proposals(self, call: Call, members: frozenset[int]) -> None:
        if self.offer_proposals is not None:
            await self.offer_proposals(call.text_channel, self.chats.locale_of(call.guild), members)

    def _changed(self, guild_id: int) -> None:
        if self.show_presence is not None:
            self.show_presence(guild_id)

    def _digester(self) -> Digester:
        """Who sums a talk up: the endpoint that the operator named, or the talk's own model."""
        settings = self.settings
        if settings.kith_digest_url is not None:
            key = settings.kith_digest_key.get_secret_value() if settings.kith_digest_key is not None else ""
            chat = ChatDigester(settings.kith_digest_url, settings.kith_digest_model, key)
            read, written = settings.kith_digest_price_input_per_million, settings.kith_digest_price_output_per_million
            return PaidChatDigester(chat, Prices(read, read, written), lambda: self.spending)
        persona = self.library.get(settings.kith_persona)
        config = config_of(persona, CallOptions.of(settings))
        return PaidDigester(
            lambda open_link: ModelDigester(open_link, config), self._media.open_model, lambda: self.spending
        )


def utc_now() -> datetime:
    return datetime.now(UTC)
