"""The calls of a process: guild → `ChannelSession`, one a guild. What slash commands and Discord's listeners call.

A shell. It joins and leaves, keeps each call's roster true to the channel and to the consent ledger, and knows nothing of a talk.
Everything that it needs comes in as `CallServices`. `close` ends every call with a goodbye and leaves no task.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

import discord

from bot.conversation.call import Call, CallOptions, CallServices, CallStatus, Channel, TextChannel, loss_percent
from bot.conversation.core import Conversation
from bot.conversation.events import Member, PersonaChosen, SceneSet, TextSaid
from bot.conversation.instructions import compose
from bot.conversation.lines import VoiceLine
from bot.conversation.names import clean_name
from bot.conversation.session import ChannelSession
from bot.errors import KithError
from bot.personas.character import Character
from bot.personas.persona import Persona
from bot.personas.scenes import Scene
from bot.realtime.events import SessionConfig

GRACE_S: Final = 10.0
LEAVE_S: Final = 15.0
"""A goodbye is bounded by the conversation; what takes longer than this is cut off."""

DISCONNECT_S: Final = 3.0
"""Sockets that have not closed by then are dropped."""

_ROOM_KEYS: Final = {"alone": "room-alone", "stopped": "room-stopped", "boundary": "room-boundary"}
"""What the room's chat is told of an end that nobody there asked for, if the conversation has not told it already."""

_log = logging.getLogger(__name__)


class Calls:
    """The registry. Every method is called on the loop."""

    def __init__(self, services: CallServices, options: CallOptions) -> None:
        self._services = services
        self._options = options
        self._calls: dict[int, Call] = {}
        self._joining: dict[int, asyncio.Lock] = {}
        self._is_closing = False

    # ------------------------------------------------------------------------ joining and leaving

    async def join(self, channel: Channel, *, requested_by: discord.Member, text_channel: TextChannel) -> CallStatus:
        """Come into the channel; where we are already, say so. From another channel of the guild we come only when nobody is there.

        Raises `VoiceError` when Discord does not let us in, `KithError` when others hold us elsewhere.
        """
        if self._is_closing:
            raise KithError("the process is stopping", key="room-stopped")
        guild_id = channel.guild.id
        async with self._joining.setdefault(guild_id, asyncio.Lock()):
            call = self._calls.get(guild_id)
            if call is not None and call.session.voice.channel_id == channel.id:
                call.text_channel = text_channel
                return self._status(call)
            if call is not None:
                if call.present:
                    raise KithError("in another channel of this server", key="error-other-channel")
                await self._end(call, "moved")
            call = await self._enter(channel, requested_by, text_channel)
            return self._status(call, is_new=True)

    async def leave(self, guild_id: int, reason: str) -> bool:
        """Say goodbye and go. False: there was no call."""
        call = self._calls.get(guild_id)
        if call is None:
            return False
        await self._end(call, reason)
        return True

    async def close(self, grace_s: float = GRACE_S) -> None:
        """The process ends: goodbye to every call, and no task is left after `grace_s` at the latest."""
        self._is_closing = True
        calls = list(self._calls.values())
        await asyncio.gather(*(self._end(call, "stopped", within_s=grace_s) for call in calls))

    # ------------------------------------------------------------------------ people

    def get(self, guild_id: int) -> ChannelSession | None:
        call = self._calls.get(guild_id)
        return call.session if call is not None else None

    async def consent_changed(self, guild_id: int, user_id: int, allowed: bool) -> None:
        """Acts at once; a member who is not in the call is none of a call's business."""
        call = self._calls.get(guild_id)
        if call is None:
            return
        if not allowed:
            call.session.withdraw(user_id)
        elif user_id in call.present:
            call.session.present(Member(user_id, call.present[user_id], True))

    async def say(self, guild_id: int, member: discord.Member, text: str) -> bool:
        """A member typed to the companion. False: there is no call, or nobody whom the model may hear, hence no model."""
        call = self._calls.get(guild_id)
        if call is None or not call.session.conversation.wants_model:
            return False
        call.session.feed(TextSaid(member.id, text, clean_name(member.display_name)))
        return True

    async def choose_persona(self, guild_id: int, persona: Persona) -> None:
        """The call goes on as someone else. Where there is no call, nothing is to be done."""
        call = self._calls.get(guild_id)
        if call is None or call.persona == persona:
            return
        call.persona = persona
        config = self._config(persona, call.heard_names, call.scene)
        name, hint = persona.name.say(persona.language), persona.greeting.say(persona.language)
        character = Character(persona, call.scene)
        call.session.feed(PersonaChosen(persona.slug, name, config.instructions, config.voice, hint, character))

    def set_scene(self, guild_id: int, scene: Scene | None) -> bool:
        """What the room does from now on; it lasts as long as the call. False: there is no call."""
        call = self._calls.get(guild_id)
        if call is None:
            return False
        call.scene = scene
        call.session.feed(SceneSet(scene, self._config(call.persona, call.heard_names, scene).instructions))
        return True

    def room(self, guild_id: int) -> tuple[int, tuple[int, ...]] | None:
        """The call's channel and the ids of the people in it; `None` without a call."""
        call = self._calls.get(guild_id)
        return (call.session.voice.channel_id, tuple(call.present)) if call is not None else None

    def config_of(self, persona: Persona) -> SessionConfig:
        """A session of this persona's own, beside any call: for an audition."""
        return self._config(persona, ())

    def on_voice_state(self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState) -> None:
        """Discord's listener: someone, or we ourselves, came, went or moved."""
        call = self._calls.get(member.guild.id)
        if call is None:
            return
        if member.id == call.guild.me.id:
            if isinstance(after.channel, (discord.VoiceChannel, discord.StageChannel)):
                self._sync(call, after.channel)
                if before.channel is not None and before.channel.id != after.channel.id:
                    self._introduce(call, after.channel)
            return
        if member.bot:
            return  # bots do not talk to bots
        channel_id = call.session.voice.channel_id
        if after.channel is not None and after.channel.id == channel_id:
            self._came(call, member)
        elif member.id in call.present:
            self._went(call, member.id)

    def status(self, guild_id: int) -> CallStatus | None:
        call = self._calls.get(guild_id)
        return self._status(call) if call is not None else None

    def statuses(self) -> list[CallStatus]:
        return [self._status(call) for call in self._calls.values()]

    # ------------------------------------------------------------------------ inside

    async def _enter(self, channel: Channel, requested_by: discord.Member, text_channel: TextChannel) -> Call:
        guild = channel.guild
        people = [member for member in channel.members if not member.bot]
        persona = await self._services.persona(guild.id, channel.id, tuple(member.id for member in people))
        agreed = [member.id for member in people if self._services.allowed(guild.id, member.id)]
        voice = await self._services.connect_voice(channel, agreed)
        if self._is_closing:
            await voice.disconnect(force=True)
            raise KithError("the process is stopping", key="room-stopped")
        locale = str(guild.preferred_locale)
        session = self._make_session(guild.id, persona, voice, locale, text_channel, len(agreed) < len(people))
        call = Call(guild, text_channel, persona, session, locale)
        self._calls[guild.id] = call
        self._sync(call, channel)
        call.task = asyncio.create_task(self._run(call, channel.id), name=f"call {guild.id}")
        return call

    def _make_session(
        self,
        guild_id: int,
        persona: Persona,
        voice: VoiceLine,
        locale: str,
        text_channel: TextChannel,
        has_strangers: bool,
    ) -> ChannelSession:
        services = self._services
        name = persona.name.say(persona.language)
        conversation = Conversation(
            self._config(persona, ()),
            name,
            greeting_hint=persona.greeting.say(persona.language),
            alone_s=self._options.alone_s,
            character=Character(persona),
        )
        give_notice = services.notice

        async def tell(key: str, values: dict[str, str | int | float]) -> None:
            call = self._calls.get(guild_id)
            await services.tell(call.text_channel if call is not None else text_channel, key, values)

        async def notice() -> bytes:
            assert give_notice is not None
            return await give_notice(name, locale)

        return ChannelSession(
            conversation,
            voice,
            services.open_model,
            tell=tell,
            notice=notice if give_notice is not None else None,
            has_strangers=has_strangers,
            judge=services.make_judge() if services.make_judge is not None else None,
            observers=tuple(services.observers(guild_id)) if services.observers is not None else (),
        )

    async def _run(self, call: Call, channel_id: int) -> None:
        """A call's task: its session, its line in the log, and what the room is told at the end."""
        guild_id = call.guild.id
        async with asyncio.TaskGroup() as tasks:
            logging_start = tasks.create_task(self._log_start(guild_id, channel_id), name="call log")
            try:
                reason = await call.session.run()
            except Exception:
                reason = "bug"
                _log.exception("a call ended by a bug")
            finally:
                if self._calls.get(guild_id) is call:
                    del self._calls[guild_id]
        key = "error-unexpected" if reason == "bug" else _ROOM_KEYS.get(reason)
        if key is not None:
            await self._tell(call, key)
        await self._log_end(guild_id, logging_start.result(), reason)

    async def _end(self, call: Call, reason: str, within_s: float = LEAVE_S) -> None:
        call.session.say_goodbye(reason)
        task = call.task
        if task is None:
            return
        _, late = await asyncio.wait({task}, timeout=within_s)
        if late:
            call.session.leave(reason)
            _, late = await asyncio.wait({task}, timeout=DISCONNECT_S)
        if late:
            task.cancel()
            await asyncio.wait({task})

    def _sync(self, call: Call, channel: Channel) -> None:
        """Make the call's roster that of the channel: at the beginning, and after a move."""
        people = {member.id: member for member in channel.members if not member.bot}
        for user_id in [user_id for user_id in call.present if user_id not in people]:
            self._went(call, user_id)
        for member in people.values():
            self._came(call, member)

    def _introduce(self, call: Call, channel: Channel) -> None:
        """A moderator moved us to other people: they are told what those at the beginning were told, where they can read it."""
        call.text_channel = channel
        if not all(self._services.allowed(call.guild.id, user_id) for user_id in call.present):
            call.session.announce()

    def _came(self, call: Call, member: discord.Member) -> None:
        if call.present.get(member.id) == member.display_name:
            return  # muted, deafened, a camera: nothing to us
        call.present[member.id] = member.display_name
        allowed = self._services.allowed(call.guild.id, member.id)
        call.session.present(Member(member.id, member.display_name, allowed))

    @staticmethod
    def _went(call: Call, user_id: int) -> None:
        del call.present[user_id]
        call.session.gone(user_id)

    def _config(self, persona: Persona, roster: Iterable[str], scene: Scene | None = None) -> SessionConfig:
        options = self._options
        return SessionConfig(
            instructions=compose(persona, roster, attribution=options.attribution, scene=scene),
            voice=persona.voice.get(options.provider),
            turn_mode=options.turn_mode,
            input_rate_hz=options.input_rate_hz,
            output_rate_hz=options.output_rate_hz,
        )

    def _status(self, call: Call, *, is_new: bool = False) -> CallStatus:
        session, conversation = call.session, call.session.conversation
        stats = session.voice.stats()
        return CallStatus(
            guild_id=call.guild.id,
            channel_id=session.voice.channel_id,
            persona_slug=call.persona.slug,
            persona_name=conversation.speaker,
            state=str(conversation.state),
            heard=tuple(member.name for member in conversation.roster.heard),
            present=len(call.present),
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
            scene=call.scene,
            persona=call.persona,
        )

    async def _tell(self, call: Call, key: str) -> None:
        try:
            await self._services.tell(call.text_channel, key, {})
        except (KithError, discord.DiscordException, OSError) as error:
            _log.warning("could not tell the room %s: %s", key, type(error).__name__)

    async def _log_start(self, guild_id: int, channel_id: int) -> str | None:
        if self._services.call_log is None:
            return None
        try:
            return await self._services.call_log.started(guild_id, channel_id)
        except KithError as error:  # a call never depends on the log of calls
            _log.warning("the call is not in the log: %s", error)
            return None

    async def _log_end(self, guild_id: int, call_id: str | None, reason: str) -> None:
        if self._services.call_log is None or call_id is None:
            return
        try:
            await self._services.call_log.ended(guild_id, call_id, reason)
        except KithError as error:
            _log.warning("the call's end is not in the log: %s", error)


__all__ = ["CallOptions", "CallServices", "CallStatus", "Calls", "Channel", "TextChannel"]
