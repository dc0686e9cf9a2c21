"""The calls of a process: guild → `Call`, one a guild. What slash commands and Discord's listeners call.

A shell. It joins and leaves, hands on who came and went, and sees to what is to be done after a call: its memory is summed up, what it used is
written down. It knows nothing of a talk. Everything that it needs comes in as `CallServices`. `close` ends every call with a goodbye and leaves no task.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Final

import discord

from bot.conversation.call import Call, config_of
from bot.conversation.events import HostNote, TextSaid
from bot.conversation.names import clean_name
from bot.conversation.services import CallOptions, CallServices, CallStatus, Channel, TextChannel
from bot.conversation.session import ChannelSession
from bot.errors import KithError
from bot.personas.persona import Persona
from bot.personas.scenes import Scene
from bot.realtime.events import SessionConfig
from bot.storage.guilds import GuildSettings

GRACE_S: Final = 10.0
LEAVE_S: Final = 15.0
"""A goodbye is bounded by the conversation; what takes longer than this is cut off."""

DISCONNECT_S: Final = 3.0
"""Sockets that have not closed by then are dropped."""

RECALL_S: Final = 1.0
"""So soon after somebody forgot a memory, the model's session does not know it any more."""

_ROOM_KEYS: Final = {"alone": "room-alone", "stopped": "room-stopped", "boundary": "room-boundary"}
"""What the room's chat is told of an end that nobody there asked for, if the conversation has not told it already."""

_log = logging.getLogger(__name__)


class Calls:
    """The registry. Every method is called on the loop."""

    def __init__(self, services: CallServices, options: CallOptions) -> None:
        self._services = services
        self._options = options
        self._calls: dict[int, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # of calls, and of those that are over and not yet summed up
        self._joining: dict[int, asyncio.Lock] = {}
        self._is_closing = False

    # ------------------------------------------------------------------------ joining and leaving

    async def join(self, channel: Channel, *, text_channel: TextChannel) -> CallStatus:
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
                return call.status()
            if call is not None:
                if call.present:
                    raise KithError("in another channel of this server", key="error-other-channel")
                await self._end(call, "moved")
            call = await self._enter(channel, text_channel)
            return call.status(is_new=True)

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
        until = asyncio.get_running_loop().time() + grace_s
        calls = list(self._calls.values())
        await asyncio.gather(*(self._end(call, "stopped", within_s=grace_s) for call in calls))
        if self._tasks:  # what is done after a call
            left_s = max(0.0, until - asyncio.get_running_loop().time())
            _, late = await asyncio.wait(self._tasks, timeout=left_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # ------------------------------------------------------------------------ people

    def get(self, guild_id: int) -> ChannelSession | None:
        call = self._calls.get(guild_id)
        return call.session if call is not None else None

    def call(self, guild_id: int) -> Call | None:
        return self._calls.get(guild_id)

    async def consent_changed(self, guild_id: int, user_id: int, allowed: bool) -> None:
        """Acts at once; a member who is not in the call is none of a call's business."""
        call = self._calls.get(guild_id)
        if call is not None:
            call.consent_changed(user_id, allowed)

    async def say(self, guild_id: int, member: discord.Member, text: str) -> bool:
        """A member typed to the companion. False: there is no call, or nobody whom the model may hear, hence no model."""
        call = self._calls.get(guild_id)
        if call is None or not call.session.conversation.wants_model:
            return False
        call.session.feed(TextSaid(member.id, text, clean_name(member.display_name)))
        return True

    def tell(self, guild_id: int, note: str) -> bool:
        """The host has something to be said in the next pause. False: there is no call, no model there to say it (or nobody to hear), or it is saying goodbye."""
        call = self._calls.get(guild_id)
        talk = call.session.conversation if call is not None else None
        if call is None or talk is None or not talk.wants_model or not talk.is_model_ready or talk.is_parting:
            return False
        call.session.feed(HostNote(note))
        return True

    async def choose_persona(self, guild_id: int, persona: Persona) -> None:
        """The call goes on as someone else. Where there is no call, nothing is to be done."""
        call = self._calls.get(guild_id)
        if call is not None:
            call.choose_persona(persona)

    def set_scene(self, guild_id: int, scene: Scene | None) -> bool:
        """What the room does from now on; it lasts as long as the call. False: there is no call."""
        call = self._calls.get(guild_id)
        if call is not None:
            call.set_scene(scene)
        return call is not None

    def room(self, guild_id: int) -> tuple[int, tuple[int, ...]] | None:
        """The call's channel and the ids of the people in it; `None` without a call."""
        call = self._calls.get(guild_id)
        return (call.session.voice.channel_id, tuple(call.present)) if call is not None else None

    def config_of(self, persona: Persona) -> SessionConfig:
        """A session of this persona's own, beside any call: for an audition."""
        return config_of(persona, self._options)

    def on_voice_state(self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState) -> None:
        """Discord's listener: someone, or we ourselves, came, went or moved."""
        call = self._calls.get(member.guild.id)
        if call is None:
            return
        if member.id == call.guild.me.id:
            if isinstance(after.channel, (discord.VoiceChannel, discord.StageChannel)):
                call.sync(after.channel)
                if before.channel is not None and before.channel.id != after.channel.id:
                    self._introduce(call, after.channel)
            return
        if member.bot:
            call.not_counted(member.id)
            return  # bots do not talk to bots
        channel_id = call.session.voice.channel_id
        if after.channel is not None and after.channel.id == channel_id:
            call.came(member)
        elif member.id in call.present:
            call.went(member.id)

    def status(self, guild_id: int) -> CallStatus | None:
        call = self._calls.get(guild_id)
        return call.status() if call is not None else None

    def statuses(self) -> list[CallStatus]:
        return [call.status() for call in self._calls.values()]

    # ------------------------------------------------------------------------ inside

    async def _enter(self, channel: Channel, text_channel: TextChannel) -> Call:
        """Into the channel. What was opened for a call that does not come about is closed again."""
        async with AsyncExitStack() as opened:
            call = await self._prepare(channel, text_channel, opened)
            opened.pop_all()
        self._calls[call.guild.id] = call
        call.sync(channel)
        call.task = asyncio.create_task(self._run(call, channel.id), name=f"call {call.guild.id}")
        self._tasks.add(call.task)
        call.task.add_done_callback(self._tasks.discard)
        return call

    async def _prepare(self, channel: Channel, text_channel: TextChannel, opened: AsyncExitStack) -> Call:
        guild, services = channel.guild, self._services
        people = [member for member in channel.members if not member.bot]
        settings = (
            await services.settings(guild.id) if services.settings is not None else GuildSettings(guild_id=guild.id)
        )
        persona = await services.persona(guild.id, channel.id, tuple(member.id for member in people))
        memory = await services.open_memory(guild.id, channel.id) if services.open_memory is not None else None
        if memory is not None:
            opened.push_async_callback(memory.close)
        budget = await services.open_budget(guild.id) if services.open_budget is not None else None
        voice = await services.connect_voice(
            channel, [member.id for member in people if services.may_hear(settings, member)]
        )
        if self._is_closing:
            await voice.disconnect(force=True)
            raise KithError("the process is stopping", key="room-stopped")
        return Call(
            guild,
            text_channel,
            persona,
            voice,
            services,
            self._options,
            settings,
            memory=memory,
            budget=budget,
            has_strangers=not all(services.allowed(guild.id, member.id) for member in people),
        )

    async def _run(self, call: Call, channel_id: int) -> None:
        """A call's task: the call, and what is to be done when it is over."""
        try:
            await self._serve(call, channel_id)
        finally:
            call.is_over.set()
        await self._remember(call)

    async def _serve(self, call: Call, channel_id: int) -> None:
        """Its session, its line in the log, its books, and what the room is told at the end."""
        guild_id = call.guild.id
        async with asyncio.TaskGroup() as tasks:
            logging_start = tasks.create_task(self._log_start(guild_id, channel_id), name="call log")
            aside = [
                tasks.create_task(self._keep_books(call), name="call books"),
                tasks.create_task(_keep_recalling(call), name="call memory"),
            ]
            try:
                reason = await call.session.run()
            except Exception:
                reason = "bug"
                _log.exception("a call ended by a bug")
            finally:
                if self._calls.get(guild_id) is call:
                    del self._calls[guild_id]
                for task in aside:
                    task.cancel()
        if self._services.changed is not None:
            self._services.changed(guild_id)
        key = "error-unexpected" if reason == "bug" else _ROOM_KEYS.get(reason)
        if key is not None:
            await self._tell(call, key)
        await self._save_books(call)
        await self._log_end(guild_id, logging_start.result(), reason)

    async def _remember(self, call: Call) -> None:
        """What is worth keeping of the talk is proposed to those whom it is about."""
        if call.memory is None:
            return
        members = await call.memory.close()
        if members and self._services.offer_proposals is not None:
            await self._services.offer_proposals(call, members)

    async def _keep_books(self, call: Call) -> None:
        """What a reply cost is written down before the next one."""
        while True:
            await call.has_used.wait()
            call.has_used.clear()
            await self._save_books(call)

    async def _save_books(self, call: Call) -> None:
        if call.budget is not None and self._services.save_budget is not None:
            await self._services.save_budget(call.guild.id, call.budget)

    async def _end(self, call: Call, reason: str, within_s: float = LEAVE_S) -> None:
        """Until nobody is connected any more; what is to be summed up afterwards goes on by itself."""
        call.session.say_goodbye(reason)
        if call.task is None or await _within(call.is_over, within_s):
            return
        call.session.leave(reason)
        if not await _within(call.is_over, DISCONNECT_S):
            call.task.cancel()
            await asyncio.wait({call.task})

    def _introduce(self, call: Call, channel: Channel) -> None:
        """A moderator moved us to other people: they are told what those at the beginning were told, where they can read it."""
        call.text_channel = channel
        if not all(self._services.allowed(call.guild.id, user_id) for user_id in call.present):
            call.session.announce()

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


async def _keep_recalling(call: Call) -> None:
    """Memories are kept, changed and forgotten while a call is on."""
    while call.memory is not None:
        await asyncio.sleep(RECALL_S)
        call.recall()


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Whether it happens in time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


__all__ = ["CallOptions", "CallServices", "CallStatus", "Calls", "Channel", "TextChannel"]
