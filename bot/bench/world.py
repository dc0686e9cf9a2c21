"""Calls as the bot holds them, over real sockets, against the load process: `Connection`, `Pacer`, `ModelLink`, and the ear of a room.

Each call is the shipped voice connection (voice gateway over TLS, UDP, both encryptions, receiver, playout, sender) and the shipped model
link over TLS. Between them stands `Conversation` for what is heard, ticked as a call ticks it: frames reach the model as it decides. What
the model says goes to the playout directly, and no turns are taken: a conversation would rightly stop a reply that somebody talks into
all the time.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from bot.audio.opus import EncoderProfile
from bot.bench import load
from bot.bench.load import MEMBER, Tally, channel_of, guild_of
from bot.bench.lobby import Lobby
from bot.bench.measure import cpu_s, kept_waiting_s
from bot.conversation.core import Conversation
from bot.conversation.events import Event, Member, MemberPresent, Tick, ToModel
from bot.realtime.dialect import ConnectOptions
from bot.realtime.dialects.stepfun import STEPFUN, StepFunDialect
from bot.realtime.events import (
    Append,
    AppendAudio,
    ClientEvent,
    Interrupt,
    ModelCommand,
    ModelEvent,
    ModelReady,
    ReplyAudio,
    Respond,
    SessionConfig,
)
from bot.realtime.link import ModelLink
from bot.realtime.session import SessionOptions
from bot.rehearsal.certificate import make_certificate
from bot.voice.connection import Connection, voice_protocol
from bot.voice.events import SpeakerFrame, VoiceEvent
from bot.voice.pacer import Pacer, PacerHandle
from bot.voice.playout import PlayoutBegan, PlayoutEvent

TICK_S: Final = 0.02
READY_S: Final = 20.0
ANSWER_S: Final = 15.0


class StampingPacer(Pacer):
    """The shipped pacer; notes how far from its deadline each frame had left."""

    def __init__(self) -> None:
        super().__init__()
        self.deviations_ms: list[float] = []

    def add(self, send_frame: Callable[[], bool], start_at: float | None = None) -> PacerHandle:
        def send() -> bool:
            due_at = handle.due_at
            goes_on = send_frame()
            self.deviations_ms.append(abs(time.monotonic() - due_at) * 1000)
            return goes_on

        handle = super().add(send, start_at)
        return handle


class StampingDialect(StepFunDialect):
    """The shipped dialect; notes when each sound is handed to the socket, which happens next."""

    def __init__(self, call: RoomCall) -> None:
        super().__init__(STEPFUN)
        self._call = call

    def encode(self, event: ClientEvent) -> list[str]:
        messages = super().encode(event)
        if isinstance(event, Append):
            self._call.appended(event.pcm)
        return messages


class RoomCall:
    """One call. `frames` counts what came out of the receiver; `sent` is filled while `is_stamping`."""

    def __init__(self, number: int, connection: Connection, model_url: str | None) -> None:
        self.number = number
        self.connection = connection
        self.frames = 0
        self._live: dict[int, tuple[int, bytes]] = {}  # identity of a frame's sound → its number, and the sound
        self.sent: list[tuple[int, float]] = []  # (number of the frame, when it was handed to the model's socket)
        self.began: list[tuple[str, float]] = []  # (item, when its first datagram had left)
        self.is_stamping = False
        self.is_model_ready = model_url is None
        self.link: ModelLink | None = None
        connection.listen(self._hear)
        connection.on_playout(self._played)
        if model_url is not None:
            config = SessionConfig("You are a companion.")
            self._room = Conversation(config, "Kith")
            self._room.handle(MemberPresent(Member(MEMBER, "Alice", may_hear=True)), time.monotonic())
            options = ConnectOptions(model_url, "stepaudio-2.5-realtime", "key")
            self.link = ModelLink(StampingDialect(self), options, config, SessionOptions(), self._model)

    async def until_ready(self) -> None:
        while not (self.connection.is_ready and self.is_model_ready):  # noqa: ASYNC110 -- two parts, and no hurry
            await asyncio.sleep(0.05)

    def tick(self) -> None:
        if self.link is not None:
            self._feed(Tick())

    def appended(self, pcm: bytes) -> None:
        live = self._live.pop(id(pcm), None)
        if live is not None:
            self.sent.append((live[0], time.monotonic()))

    def _hear(self, event: VoiceEvent) -> None:
        if isinstance(event, SpeakerFrame):
            self.frames += 1
        if self.link is not None:
            self._feed(event)

    def _feed(self, event: Event) -> None:
        assert self.link is not None
        for command in self._room.handle(event, time.monotonic()):
            if isinstance(command, ToModel) and not isinstance(command.command, Interrupt | Respond):
                if self.is_stamping:
                    self._note(command.command, event)
                self.link.send(command.command)

    def _note(self, command: ModelCommand, event: Event) -> None:
        """Only sound that the room passes on at once: what it holds until an onset is sure waits by intention."""
        if isinstance(event, SpeakerFrame) and isinstance(command, AppendAudio) and command.pcm == event.pcm:
            self._live[id(command.pcm)] = (self.frames - 1, command.pcm)

    def _model(self, event: ModelEvent) -> None:
        if isinstance(event, ReplyAudio):
            self.connection.play(event.item_id, event.pcm)
        elif isinstance(event, ModelReady):
            self.is_model_ready = True
            self._feed(event)

    def _played(self, event: PlayoutEvent) -> None:
        if isinstance(event, PlayoutBegan):
            self.began.append((event.item_id, time.monotonic()))


class World:
    """Calls by number, and the load process that they talk to."""

    def __init__(
        self,
        ask: Callable[[str, Any], Any],
        tell: Callable[[str, Any], None],
        tasks: asyncio.TaskGroup,
        profile: EncoderProfile,
    ) -> None:
        self.ask = ask
        self.tell = tell
        self.calls: list[RoomCall] = []
        self.pacer = StampingPacer()
        self._tasks = tasks
        self._lobby = Lobby()
        self._protocol = voice_protocol(self.pacer, profile, allowed=(MEMBER,))
        self._tickers: list[asyncio.Task[None]] = []

    async def grow(self, count: int, *, has_model: bool = True) -> None:
        """Have so many calls, all of them ready."""
        numbers = range(len(self.calls), count)
        port, tickets = self.ask("seat", list(numbers))
        for number, ticket in zip(numbers, tickets, strict=True):
            channel = self._lobby.channel(guild_of(number), channel_of(number), ticket)
            connection = await channel.connect(cls=self._protocol, timeout=10)
            call = RoomCall(number, connection, f"wss://127.0.0.1:{port}/{number}" if has_model else None)
            if call.link is not None:
                self._tasks.create_task(call.link.run())
                self._tickers.append(self._tasks.create_task(_tick_forever(call)))
            self.calls.append(call)
        async with asyncio.timeout(READY_S):
            for call in self.calls:
                await call.until_ready()
        gc.collect()
        gc.freeze()  # as the bot does when it is ready

    async def close(self) -> None:
        for ticker in self._tickers:
            ticker.cancel()
        for call in self.calls:
            await call.connection.disconnect(force=True)
            if call.link is not None:
                await call.link.close()
        self.pacer.close()

    def tallies(self, calls: Iterable[int] | None = None) -> list[Tally]:
        """What the load process counted since the last time it was asked."""
        found: list[Tally] = self.ask("tallies", list(range(len(self.calls)) if calls is None else calls))
        return found


async def _tick_forever(call: RoomCall) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        call.tick()


@asynccontextmanager
async def open_world(profile: EncoderProfile = EncoderProfile.SPEECH) -> AsyncIterator[World]:
    """A load process on the first core, and no calls yet."""
    own = multiprocessing.cpu_count()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        os.environ["SSL_CERT_FILE"] = str(certificate.bundle)
        ours, theirs = context.Pipe()
        process = context.Process(target=load.run, args=(theirs, Path(folder), 0 if own > 1 else None), daemon=False)
        process.start()
        theirs.close()
        ours.recv()

        def ask(verb: str, value: Any = None) -> Any:
            ours.send((verb, value))
            if not ours.poll(ANSWER_S):
                raise TimeoutError(f"the load process does not answer {verb!r}")
            answer = ours.recv()
            if isinstance(answer, Exception):
                raise answer
            return answer

        def tell(verb: str, value: Any) -> None:
            ours.send((verb, value))

        try:
            async with asyncio.TaskGroup() as tasks:
                world = World(ask, tell, tasks, profile)
                try:
                    yield world
                finally:
                    await world.close()
        finally:
            with suppress(OSError, EOFError):  # it may be gone already
                ours.send(("stop", None))
            process.join(5)
            if process.is_alive():
                process.kill()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop that the bot runs on: uvloop where there is one."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


@contextmanager
def stopwatch() -> Iterator[dict[str, float]]:
    """Wall time, this process's CPU time, and for how long another one had the core; filled in at the end of the stretch."""
    taken = {"wall_s": 0.0, "cpu_s": 0.0, "waited_s": 0.0}
    wall, cpu, waited = time.monotonic(), cpu_s(), kept_waiting_s()
    yield taken
    taken["wall_s"], taken["cpu_s"] = time.monotonic() - wall, cpu_s() - cpu
    taken["waited_s"] = kept_waiting_s() - waited
