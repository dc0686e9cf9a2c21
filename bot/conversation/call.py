"""One guild's call: who is there, who speaks for the companion, what it remembers, and what its session is told of all that.

A shell, and thin: it keeps the roster true to the channel and to consent, composes what the model is told whenever one of these changes, and
leaves every decision of a talk to `Conversation`. `Calls` makes and ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Final

import discord

from bot.conversation.budget import Budget
from bot.conversation.core import NO_HELP_LINE, Conversation
from bot.conversation.events import (
    CallTool,
    Caption,
    Command,
    Event,
    Member,
    MemberPresent,
    PersonaChosen,
    Recalled,
    SceneSet,
    ToolAnswered,
)
from bot.conversation.instructions import compose
from bot.conversation.lines import Observer, VoiceLine
from bot.conversation.names import NOBODY, clean_name
from bot.conversation.services import CallOptions, CallServices, CallStatus, Channel, TextChannel, loss_percent
from bot.conversation.session import ChannelSession
from bot.memory.call import CallMemory
from bot.memory.keeper import told
from bot.personas.character import Character
from bot.personas.persona import Persona
from bot.personas.scenes import SCENES, Scene
from bot.realtime.events import ReplyDone, SessionConfig, ToolSpec
from bot.storage.guilds import GuildSettings
from bot.voice.events import MemberArrived, MemberLeft, VoiceReady

MEMORY_TOKENS: Final = 600
"""Of the instructions, for what is remembered: about three lines a person in a small room."""


class Call:
    """From the joined channel to the left one. Everything on the loop.

    Args:
        memory: what this call remembers; `None`: nothing is kept and nothing recalled.
        budget: what it may use; `None`: as much as it likes.
        has_strangers: somebody is there who has not agreed.
    """

    def __init__(
        self,
        guild: discord.Guild,
        text_channel: TextChannel,
        persona: Persona,
        voice: VoiceLine,
        services: CallServices,
        options: CallOptions,
        settings: GuildSettings,
        *,
        memory: CallMemory | None = None,
        budget: Budget | None = None,
        has_strangers: bool = True,
    ) -> None:
        self.guild = guild
        self.text_channel = text_channel
        self.persona = persona
        self.settings = settings
        self.scene = SCENES.get(settings.scene) if settings.scene is not None else None
        self.locale = services.locale_of(guild) if services.locale_of is not None else str(guild.preferred_locale)
        self.memory = memory
        self.budget = budget
        self.present: dict[int, discord.Member] = {}  # people in the channel, by user id
        self.task: asyncio.Task[None] | None = None
        self.is_over = asyncio.Event()
        self.has_used = asyncio.Event()
        """Something was used that is not in the ledger yet."""

        self._unseen: set[int] = set()  # in the channel, says the voice gateway; the main one has not told of them
        self._told_of: dict[int, tuple[str, bool]] = {}  # of who is present: name, and whether they may be heard
        self._told: tuple[str, ...] = ()
        self._services = services
        self._options = options
        self.session = self._make_session(voice, has_strangers)

    # ------------------------------------------------------------------------ people

    def sync(self, channel: Channel) -> None:
        """Make the roster that of the channel: at the beginning, and after a move."""
        people = {member.id: member for member in channel.members if not member.bot}
        gone = [user_id for user_id in self.present if user_id not in people]
        self.present = people
        self._unseen.clear()
        self.recall()  # before anybody who came can hear a word
        for user_id in gone:
            self._forget(user_id)
        for member in people.values():
            self._introduce(member)
        self._changed()

    def came(self, member: discord.Member) -> None:
        is_new = member.id not in self.present
        self.present[member.id] = member
        self._unseen.discard(member.id)
        if is_new:
            self.recall()
        self._introduce(member)
        self._changed()

    def went(self, user_id: int) -> None:
        del self.present[user_id]
        self._forget(user_id)
        self.recall()
        self._changed()

    @property
    def company(self) -> frozenset[int]:
        """Whoever hears what is said, also those of whom nothing is known but that they are there."""
        return frozenset(self.present) | self._unseen

    def _arrived(self, user_id: int) -> None:
        """Says the voice gateway, which may be the only one that we hear from. Until we know better it is somebody who knows nothing."""
        member = self.guild.get_member(user_id)
        is_bot = user_id == self.guild.me.id or (member is not None and member.bot)
        if user_id not in self.present and not is_bot:
            self._unseen.add(user_id)
            self.recall()

    def not_counted(self, user_id: int) -> None:
        """They left, or are a bot."""
        if user_id in self._unseen:
            self._unseen.discard(user_id)
            self.recall()

    def consent_changed(self, user_id: int, allowed: bool) -> None:
        if not allowed:
            self.session.withdraw(user_id)
            if self.memory is not None:
                self.memory.forget_member(user_id)
        elif user_id in self.present:
            self._tell(self.present[user_id])
        self._changed()

    def may_hear(self, member: discord.Member) -> bool:
        return self._services.may_hear(self.settings, member)

    def name_of(self, user_id: int) -> str:
        """As the talk calls them; who is not there has the name that the server shows."""
        name = self.session.conversation.roster.name(user_id)
        if name != NOBODY:
            return name
        member = self.guild.get_member(user_id)
        return clean_name(member.display_name) if member is not None else NOBODY

    def user_of(self, name: str) -> int | None:
        """Who of those present the talk calls so."""
        wanted = name.strip().casefold()
        members = self.session.conversation.roster.members
        return next((member.user_id for member in members if member.name.casefold() == wanted), None)

    def _introduce(self, member: discord.Member) -> None:
        as_told = (member.display_name, self.may_hear(member))
        if self._told_of.get(member.id) != as_told:  # else: muted, deafened, a camera, which is nothing to us
            self._tell(member)

    def _tell(self, member: discord.Member) -> None:
        self._told_of[member.id] = (member.display_name, self.may_hear(member))
        self.session.present(Member(member.id, *self._told_of[member.id]))

    def _forget(self, user_id: int) -> None:
        self._told_of.pop(user_id, None)
        self.session.gone(user_id)

    # ------------------------------------------------------------------------ who speaks, where, knowing what

    def config(self) -> SessionConfig:
        """What the model is told about itself, as things stand."""
        heard = [member.name for member in self.session.conversation.roster.heard]
        return self._config(heard, self._told)

    def _config(self, roster: Iterable[str] = (), memories: Iterable[str] = ()) -> SessionConfig:
        choose = self._services.voice
        voice = choose(self.persona, self.settings) if choose is not None else None
        return config_of(self.persona, self._options, roster, self.scene, memories, self._tools(), voice)

    def choose_persona(self, persona: Persona) -> None:
        """The call goes on as someone else."""
        if self.persona == persona:
            return
        self.persona = persona
        self._tell_who_speaks()

    def _tell_who_speaks(self) -> None:
        persona, config = self.persona, self.config()
        name, hint = persona.name.say(persona.language), persona.greeting.say(persona.language)
        character = Character(persona, self.scene)
        self.session.feed(
            PersonaChosen(persona.slug, name, config.instructions, config.voice, hint, character, config.tools)
        )
        self._changed()

    def set_scene(self, scene: Scene | None) -> None:
        """What the room does from now on; it lasts as long as the call."""
        self.scene = scene
        self.session.feed(SceneSet(scene, self.config().instructions))

    def recall(self) -> None:
        """Other people, or other memories: the model is told what fits now, and what it is not to know any more goes with its session."""
        if self.memory is None:
            return
        recalled = self.memory.recall(self.company, MEMORY_TOKENS)
        lines = told(recalled.memories, self.name_of)
        if lines != self._told or recalled.is_withdrawn:
            self._told = lines
            self.session.feed(Recalled(self.config().instructions, recalled.is_withdrawn))

    def change_settings(self, settings: GuildSettings) -> None:
        """An admin chose something else: what concerns a call that is on counts at once."""
        before, self.settings = self.settings, settings
        if before.scene != settings.scene:
            self.set_scene(SCENES.get(settings.scene) if settings.scene is not None else None)
        if before.user_role_ids != settings.user_role_ids:
            for member in list(self.present.values()):
                self._tell(member)
        if before.voice != settings.voice or self._tools_of(before) != self._tools():
            self._tell_who_speaks()
        self._changed()

    def _tools(self) -> tuple[ToolSpec, ...]:
        return self._tools_of(self.settings)

    def _tools_of(self, settings: GuildSettings) -> tuple[ToolSpec, ...]:
        if self._services.tools is None:
            return ()
        return self._services.tools(self.persona, settings, self.memory is not None)

    # ------------------------------------------------------------------------ how it may be shown

    def status(self, *, is_new: bool = False) -> CallStatus:
        session, conversation = self.session, self.session.conversation
        stats = session.voice.stats()
        return CallStatus(
            guild_id=self.guild.id,
            channel_id=session.voice.channel_id,
            persona_slug=self.persona.slug,
            persona_name=conversation.speaker,
            state=str(conversation.state),
            heard=tuple(member.name for member in conversation.roster.heard),
            present=len(self.present),
            model_state=session.model_state,
            turn_mode=str(conversation.turn_mode),
            is_connected=session.is_connected,
            is_encrypted=session.is_encrypted,
            privacy_code=session.voice.privacy_code,
            turns=tuple(session.turns),
            decisions=tuple(conversation.decisions),
            loss_percent=loss_percent(stats),
            is_new=is_new,
            voice_stats=stats,
            model_stats=session.model_stats,
            character=conversation.character.report() if conversation.character is not None else None,
            scene=self.scene,
            persona=self.persona,
        )

    def _changed(self) -> None:
        if self._services.changed is not None:
            self._services.changed(self.guild.id)

    # ------------------------------------------------------------------------ inside

    def _make_session(self, voice: VoiceLine, has_strangers: bool) -> ChannelSession:
        services, persona = self._services, self.persona
        name = persona.name.say(persona.language)
        give_notice = services.notice

        async def tell(key: str, values: dict[str, str | int | float]) -> None:
            await services.tell(self.text_channel, key, values)

        async def notice() -> bytes:
            assert give_notice is not None
            return await give_notice(name, self.locale)

        async def run_tool(call: CallTool) -> ToolAnswered:
            assert services.run_tool is not None
            return await services.run_tool(self, call)

        conversation = Conversation(
            self._config(),
            name,
            greeting_hint=persona.greeting.say(persona.language),
            alone_s=self._options.alone_s,
            character=Character(persona, self.scene),
            budget=self.budget,
            help_line=services.help_line(self.guild) if services.help_line is not None else NO_HELP_LINE,
        )
        return ChannelSession(
            conversation,
            voice,
            services.open_model,
            tell=tell,
            notice=notice if give_notice is not None else None,
            has_strangers=has_strangers,
            judge=services.make_judge() if services.make_judge is not None else None,
            run_tool=run_tool if services.run_tool is not None else None,
            observers=tuple(self._observers()),
        )

    def _observers(self) -> Iterable[Observer]:
        if self.memory is not None:
            yield partial(_tell_memory, self.memory)
            yield self._note_company
        if self.budget is not None:
            yield self._note_use
        if self._services.observers is not None:
            yield from self._services.observers(self.guild.id)

    def _note_company(self, event: Event | Command, _now: float) -> None:
        match event:
            case MemberArrived(user_id):
                self._arrived(user_id)
            case MemberLeft(user_id):
                self.not_counted(user_id)

    def _note_use(self, event: Event | Command, _now: float) -> None:
        if isinstance(event, ReplyDone):
            self.has_used.set()


def _tell_memory(memory: CallMemory, event: Event | Command, now: float) -> None:
    """An observer: who is there and what is said, as memory takes it."""
    match event:
        case Caption():
            memory.hear(event, now)
        case MemberPresent(member):
            memory.meet(member.user_id, member.name, now)
        case VoiceReady(channel_id):
            memory.moved(channel_id)
        case _:
            memory.tick(now)


def config_of(
    persona: Persona,
    options: CallOptions,
    roster: Iterable[str] = (),
    scene: Scene | None = None,
    memories: Iterable[str] = (),
    tools: tuple[ToolSpec, ...] = (),
    voice: str | None = None,
) -> SessionConfig:
    """What a session of this persona's is told about itself. `voice`: instead of the persona's own."""
    return SessionConfig(
        instructions=compose(
            persona, roster, attribution=options.attribution, scene=scene, memories=memories, has_tools=bool(tools)
        ),
        voice=voice or persona.voice.get(options.provider),
        turn_mode=options.turn_mode,
        tools=tools,
        input_rate_hz=options.input_rate_hz,
        output_rate_hz=options.output_rate_hz,
    )
