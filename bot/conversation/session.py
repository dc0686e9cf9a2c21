"""One call: the only place where a voice connection, a speech model and a conversation meet.

A shell. It owns the tasks and the clock, feeds what happens to `Conversation` and performs what that decides; every decision is there. All
tasks have one parent, `run`, which ends when the conversation leaves. Order on the loop: an event, its commands, then the events that
performing them caused.

The model's socket is open exactly while the conversation wants one: it is closed at once when nobody is left who may be heard, and before
anybody agreed there is none. The spoken notice is played from PCM of our own and never passes a model.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any, Final, assert_never

import discord

from bot.audio.frame import pcm_ms
from bot.conversation.core import Conversation
from bot.conversation.events import (
    CallTool,
    Caption,
    Command,
    ConsentWithdrawn,
    Event,
    FinishPlay,
    Goodbye,
    JudgeSpeech,
    Leave,
    Member,
    MemberGone,
    MemberPresent,
    Play,
    PlayoutDrained,
    PlayoutStarted,
    PlayoutStopped,
    SetGain,
    SpeechJudged,
    StopPlayout,
    TellRoom,
    Tick,
    ToModel,
    ToolAnswered,
    TurnMeasured,
)
from bot.conversation.lines import Judge, ModelLine, Notice, Observer, OpenModel, RunTool, Tell, VoiceLine
from bot.errors import KithError
from bot.realtime.events import HeardItem, ModelEvent
from bot.voice.events import VoiceClosed, VoiceEvent, VoiceInterrupted, VoiceReady
from bot.voice.playout import ItemHeard, PlayoutBegan, PlayoutEnded, PlayoutEvent

BUSY_TICK_S: Final = 0.02
IDLE_TICK_S: Final = 0.1
JUDGEMENTS: Final = 16
"""Doubtful stretches that may wait for the acoustic model; one more is not asked about, and doubt ends by itself."""

SENTENCES: Final = 32
"""For the room's text chat; one more is dropped and counted."""

CALLS: Final = 16
"""Calls of tools that may wait; one more is answered that we are busy."""

TOOL_WORKERS: Final = 2
BUSY: Final = '{"error": "too many calls at once: try later"}'
UNKNOWN_TOOL: Final = '{"error": "there is no such tool"}'

ITEMS: Final = 256
TURNS: Final = 50
NOTICE_MARGIN_S: Final = 10.0
"""A notice that nobody could be played by then holds the talk up no longer."""

NOTICE: Final = "notice"
REPLY: Final = "reply"
CLIP: Final = "clip"

_log = logging.getLogger(__name__)


class ChannelSession:
    """One call, from the joined channel to the left one.

    Args:
        conversation: the mind; it has seen nothing yet.
        voice: connected, or connecting.
        open_model: makes a link that is not running yet.
        tell: says a sentence of the catalogues in the room's text chat.
        notice: PCM of the sentence for people who have not agreed, at the conversation's output rate; `None`: there is none.
        has_strangers: somebody is there who has not agreed: the notice is given first of all.
        judge: how surely 16 kHz PCM is speech; blocks, so it runs in an executor. `None`: doubtful sound is never speech.
        run_tool: answers a call of the model; never raises what concerns a member. `None`: there are no tools.
        observers: see every event and every command, in order, with its time; must not block.
    """

    def __init__(
        self,
        conversation: Conversation,
        voice: VoiceLine,
        open_model: OpenModel,
        *,
        tell: Tell,
        notice: Notice | None = None,
        has_strangers: bool = True,
        judge: Judge | None = None,
        run_tool: RunTool | None = None,
        observers: Sequence[Observer] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.conversation = conversation
        self.voice = voice
        self.turns: deque[TurnMeasured] = deque(maxlen=TURNS)
        self.is_connected = False
        self.is_encrypted = False
        self.dropped_sentences = 0
        self._open_model = open_model
        self._tell = tell
        self._notice = notice
        self._judge = judge
        self._observers = tuple(observers)
        self._clock = clock
        self._link: ModelLine | None = None
        self._inbox: deque[Event] = deque(maxlen=1024)  # what performing a command causes: a few
        self._is_feeding = False
        self._wanted = asyncio.Event()
        self._unwanted = asyncio.Event()
        self._left = asyncio.Event()
        self._notice_due = asyncio.Event()
        self._notice_over = asyncio.Event()
        self._notice_over.set()
        if has_strangers:
            self.announce()
        self._sentences: asyncio.Queue[TellRoom] = asyncio.Queue(SENTENCES)
        self._judgements: asyncio.Queue[JudgeSpeech] = asyncio.Queue(JUDGEMENTS)
        self._calls: asyncio.Queue[CallTool] = asyncio.Queue(CALLS)
        self._run_tool = run_tool
        self._response_of: OrderedDict[str, str] = OrderedDict()
        self._reason = "cancelled"
        self._bug: Exception | None = None

    # ------------------------------------------------------------------------ what the house uses

    @property
    def model_state(self) -> str:
        """`ready`, `connecting`, or `asleep` while nobody is here who may be heard."""
        if self.conversation.is_model_ready:
            return "ready"
        return "connecting" if self.conversation.wants_model else "asleep"

    @property
    def model_stats(self) -> Any:
        return self._link.stats() if self._link is not None else None

    @property
    def reason(self) -> str:
        """Why the call ended."""
        return self._reason

    def present(self, member: Member) -> None:
        """Someone is in the channel, agreed, or changed their name."""
        if not member.may_hear:
            self.voice.deny(member.user_id)
        self.feed(MemberPresent(member))
        if member.may_hear:
            self.voice.allow(member.user_id)

    def gone(self, user_id: int) -> None:
        self.voice.deny(user_id)
        self.feed(MemberGone(user_id))

    def withdraw(self, user_id: int) -> None:
        """The gate first: nothing more comes in while what is here is dropped."""
        self.voice.deny(user_id)
        self.feed(ConsentWithdrawn(user_id))

    def announce(self) -> None:
        """Somebody is there who has not agreed: the notice is due, and the next session with a model waits until it is said."""
        if self._notice is not None:
            self._notice_over.clear()
            self._notice_due.set()

    def play_clip(self, pcm: bytes) -> None:
        """A sound of our own over the talk, at the output rate: an audition. The model and the transcript know nothing of it."""
        self.voice.stop(CLIP)
        self.voice.play(CLIP, pcm, CLIP)
        self.voice.finish(CLIP)

    def say_goodbye(self, reason: str) -> None:
        """The conversation leaves when it has said goodbye, within bounds."""
        self.feed(Goodbye(reason))

    def leave(self, reason: str) -> None:
        """At once, without a word."""
        self._reason = reason
        self._left.set()

    def feed(self, event: Event) -> None:
        """Something happened. On the loop; does not block."""
        self._inbox.append(event)
        if self._is_feeding or self._left.is_set():
            return
        self._is_feeding = True
        try:
            while self._inbox:
                self._handle(self._inbox.popleft())
        except Exception as bug:  # a bug ends the call in the open: `run` raises it
            self._bug = bug
            self._left.set()
        finally:
            self._is_feeding = False
        self._follow_wish()

    async def run(self) -> str:
        """The call. Answers why it ended; afterwards nothing is connected and no task is left. A bug is raised."""
        self.voice.listen(self.feed_voice)
        self.voice.on_playout(self._playout_told)
        try:
            async with asyncio.TaskGroup() as tasks:
                workers = [
                    tasks.create_task(self._tick_forever(), name="call ticker"),
                    tasks.create_task(self._tell_forever(), name="call sentences"),
                    tasks.create_task(self._judge_forever(), name="call judge"),
                    tasks.create_task(self._notice_forever(), name="call notice"),
                    *(tasks.create_task(self._tools_forever(), name="call tools") for _ in range(TOOL_WORKERS)),
                    tasks.create_task(self._keep_model(), name="call model"),
                ]
                if self.voice.is_ready and not self.is_connected:  # told before anybody listened
                    self.feed_voice(VoiceReady(self.voice.channel_id, self.voice.privacy_code is not None))
                await self._left.wait()
                for worker in workers:
                    worker.cancel()
                # Not after the workers: a model's socket may take its time to close.
                await self.voice.disconnect(force=True)
        finally:
            self._left.set()
            await self.voice.disconnect(force=True)
        await self._tell_rest()
        if self._bug is not None:
            raise self._bug
        return self._reason

    # ------------------------------------------------------------------------ events in

    def feed_voice(self, event: VoiceEvent) -> None:
        """The media plane's sink."""
        match event:
            case VoiceReady(_, is_encrypted):
                self.is_connected, self.is_encrypted = True, is_encrypted
            case VoiceInterrupted() | VoiceClosed():
                self.is_connected = False
        self.feed(event)

    def _playout_told(self, event: PlayoutEvent) -> None:
        match event:
            case PlayoutBegan(item_id, source):
                if source == REPLY and item_id in self._response_of:
                    self.feed(PlayoutStarted(self._response_of[item_id]))
            case PlayoutEnded(source, heard):
                if source == REPLY:
                    self.feed(PlayoutDrained(_heard(heard)))
                elif source == NOTICE:
                    self._notice_over.set()

    def _handle(self, event: Event) -> None:
        now = self._clock()
        for observe in self._observers:
            observe(event, now)
        for command in self.conversation.handle(event, now):
            for observe in self._observers:
                observe(command, now)
            self._perform(command)

    def _follow_wish(self) -> None:
        """Open or close the model's socket as the conversation wants it."""
        wants = self.conversation.wants_model and not self._left.is_set()
        if wants and not self._wanted.is_set():
            self._unwanted.clear()
            self._wanted.set()
        elif not wants and self._wanted.is_set():
            self._link = None  # from here on nothing more goes there
            self._wanted.clear()
            self._unwanted.set()

    # ------------------------------------------------------------------------ commands out

    def _perform(self, command: Command) -> None:  # noqa: C901 -- one row a command
        match command:
            case ToModel(said):
                if self._link is not None:
                    self._link.send(said)
            case Play(response_id, item_id, pcm):
                self._know_item(item_id, response_id)
                self.voice.play(item_id, pcm, REPLY)
            case FinishPlay():
                self.voice.finish(REPLY)
            case StopPlayout():
                self._inbox.append(PlayoutStopped(_heard(self.voice.stop(REPLY))))
            case SetGain(gain):
                self.voice.set_gain(gain, REPLY)
            case JudgeSpeech():
                if not self._judgements.full():
                    self._judgements.put_nowait(command)
            case TellRoom():
                self._put_sentence(command)
            case TurnMeasured():
                self.turns.append(command)
            case CallTool():
                self._put_call(command)
            case Caption():
                pass  # for observers
            case Leave(reason):
                self.leave(reason)
            case _:
                assert_never(command)

    def _know_item(self, item_id: str, response_id: str) -> None:
        self._response_of[item_id] = response_id
        if len(self._response_of) > ITEMS:
            self._response_of.popitem(last=False)

    def _put_call(self, call: CallTool) -> None:
        if self._calls.full():
            self._inbox.append(ToolAnswered(call.call_id, BUSY))
        else:
            self._calls.put_nowait(call)

    def _put_sentence(self, sentence: TellRoom) -> None:
        if self._sentences.full():
            self.dropped_sentences += 1
        else:
            self._sentences.put_nowait(sentence)

    # ------------------------------------------------------------------------ tasks

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(BUSY_TICK_S if self.conversation.is_busy else IDLE_TICK_S)
            self.feed(Tick())

    async def _judge_forever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            asked = await self._judgements.get()
            if self._judge is not None:
                probability = await loop.run_in_executor(None, self._judge, asked.pcm_16k)
                self.feed(SpeechJudged(asked.user_id, probability))

    async def _tell_forever(self) -> None:
        while True:
            await self._tell_one(await self._sentences.get())

    async def _tools_forever(self) -> None:
        while True:
            call = await self._calls.get()
            answer = ToolAnswered(call.call_id, UNKNOWN_TOOL)
            self.feed(await self._run_tool(call) if self._run_tool is not None else answer)

    async def _tell_rest(self) -> None:
        while not self._sentences.empty():
            await self._tell_one(self._sentences.get_nowait())

    async def _tell_one(self, sentence: TellRoom) -> None:
        try:
            await self._tell(sentence.key, dict(sentence.values))
        except (
            KithError,
            discord.DiscordException,
            OSError,
        ) as error:  # the chat may be closed to us; the call goes on
            _log.warning("could not tell the room %s: %s", sentence.key, type(error).__name__)

    async def _notice_forever(self) -> None:
        while self._notice is not None:
            await self._notice_due.wait()
            self._notice_due.clear()
            await self._give_notice(self._notice)

    async def _give_notice(self, notice: Notice) -> None:
        """Say who is here, before anybody agreed. The model waits until it is said."""
        try:
            pcm = await notice()
            if not pcm:
                return
            self.voice.play(NOTICE, pcm, NOTICE)
            self.voice.finish(NOTICE)
            length_s = pcm_ms(len(pcm), self.conversation.config.output_rate_hz) / 1000
            async with asyncio.timeout(length_s + NOTICE_MARGIN_S):
                await self._notice_over.wait()
        except TimeoutError:
            _log.warning("the spoken notice was not heard to its end")
        except (KithError, OSError) as error:
            _log.warning("there is no spoken notice: %s", error)
        finally:
            self._notice_over.set()

    async def _keep_model(self) -> None:
        while True:
            await self._notice_over.wait()
            await self._wanted.wait()
            if self._notice_over.is_set():
                await self._serve_model()

    async def _serve_model(self) -> None:
        """One link, from wanted to unwanted."""

        def hear(event: ModelEvent) -> None:
            if self._link is link:  # what an unwanted link still says concerns nobody
                self.feed(event)

        link = self._link = self._open_model(self.conversation.config, hear)
        async with asyncio.TaskGroup() as tasks:
            closing = tasks.create_task(self._close_when_unwanted(link), name="model closer")
            await link.run()
            closing.cancel()

    async def _close_when_unwanted(self, link: ModelLine) -> None:
        await self._unwanted.wait()
        await link.close()


def _heard(items: tuple[ItemHeard, ...]) -> tuple[HeardItem, ...]:
    return tuple(HeardItem(item.item_id, item.heard_ms, item.total_ms, "") for item in items)


__all__ = ["ChannelSession", "Judge", "ModelLine", "Notice", "Observer", "OpenModel", "RunTool", "Tell", "VoiceLine"]
