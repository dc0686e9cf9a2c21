"""One voice connection, as discord.py wants it (`discord.VoiceProtocol`) and as the rest of the house uses it.

This shell joins four cores that decide (`Seat`, `Gateway`, `Receiver`, `Playout` with its `Sender`) with the sockets of `VoiceLine`
and with discord.py's main gateway. All of its tasks have one parent, `_run`, which ends with the connection. A task that dies of a
bug is reported and costs a fresh session, within a budget: a connection is never left standing deaf.

Consent (DESIGN D5): `allow` and `deny` open and close the receiver's gate, and while nobody who is present is allowed the companion
is self-deafened, so that Discord sends it nothing and everybody sees that.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import ssl
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from copy import deepcopy
from typing import Any, Final, assert_never

import discord

from bot.audio.frame import FRAME_MS, MODEL_RATE_HZ
from bot.audio.opus import EncoderProfile
from bot.errors import VoiceError, VoiceFault
from bot.voice.admission import admission_fault, refusal
from bot.voice.events import (
    MemberArrived,
    MemberLeft,
    SpeakerFrame,
    SpeakerPaused,
    VoiceClosed,
    VoiceEvent,
    VoiceInterrupted,
)
from bot.voice.gateway import Gateway, State
from bot.voice.line import Trace, VoiceLine
from bot.voice.pacer import Pacer
from bot.voice.playout import ItemHeard, Playout, PlayoutEvent
from bot.voice.receiver import Receiver
from bot.voice.seat import Ask, Begin, Moved, Seat, SeatCommand, ServerGone, Vacated
from bot.voice.sender import Sender
from bot.voice.stats import VoiceStats
from bot.voice.surroundings import Surroundings
from bot.voice.talker import Talker
from bot.voice.voice_state import OwnVoiceState

GAP_TICK_S: Final = FRAME_MS / 1000
"""While a gap waits, so that it is given up in time."""

TICK_S: Final = 0.1
"""Else: packets that arrive expire what they must themselves, and a wake-up costs as much as a packet's decryption."""

PRESENCE_S: Final = 0.25
"""How often it is asked who is here: a stranger in the group is in doubt for twice as long."""

IDENTIFY_S: Final = 10.0
"""How long after hearing again unknown sound is identified by its key: op 5 is said once, perhaps while we were deaf."""

UNTOLD: Final = 256
"""Events kept for whoever listens first: between `connect` and `listen` a call may become ready, or end."""

RESTARTS: Final = 3
RESTART_WINDOW_S: Final = 60.0

_log = logging.getLogger(__name__)


class Connection(discord.VoiceProtocol):
    """The companion in one voice channel. Made by `voice_protocol`, through `channel.connect(cls=...)`."""

    def __init__(
        self,
        client: discord.Client,
        channel: discord.abc.Connectable,
        *,
        pacer: Pacer,
        profile: EncoderProfile,
        rate_hz: int,
        output_rate_hz: int,
        tls: ssl.SSLContext,
        allowed: Iterable[int] = (),
        trace: Trace | None = None,
    ) -> None:
        super().__init__(client, channel)
        assert isinstance(channel, (discord.VoiceChannel, discord.StageChannel))
        self._around = Surroundings(client, channel)
        self._state = OwnVoiceState(self._around)
        self._seat = Seat(channel.guild.id, channel.guild.me.id, channel.id)
        self._gateway = Gateway(random.random)
        self._receiver = Receiver(self._gateway.decrypt, rate_hz)
        self._pacer = pacer
        self.playout = Playout(output_rate_hz)
        self._sender = Sender(
            self._gateway.encrypt,
            profile,
            output_rate_hz,
            sequence=secrets.randbits(16),
            timestamp=secrets.randbits(32),
        )
        self._line = VoiceLine(self, self._gateway, self._receiver, self._sender, tls, trace)
        self._talker = Talker(
            self.playout,
            self._sender,
            pacer,
            can_send=self._can_send,
            transmit=self._line.transmit,
            announce=self._line.announce,
            tell=self._tell_playout,
        )
        self._sink: Callable[[VoiceEvent], None] | None = None
        self._untold: deque[VoiceEvent] = deque(maxlen=UNTOLD)
        self._playout_sink: Callable[[PlayoutEvent], None] | None = None
        self._allowed: set[int] = set()
        self._presence_at = self._identify_until = 0.0
        self._bugs: asyncio.Queue[Exception] = asyncio.Queue(1)
        self._tasks: asyncio.TaskGroup | None = None
        self._runner: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._settled = asyncio.Event()  # connected for the first time, or over
        self._fault: VoiceFault | None = None
        self._restarted_at: deque[float] = deque(maxlen=RESTARTS)
        self._restarts = 0
        for user_id in allowed:
            self.allow(user_id)

    # ------------------------------------------------------------------------ what the house uses

    @property
    def channel_id(self) -> int:
        """Where we sit, also after a move."""
        return self._seat.channel_id

    @property
    def privacy_code(self) -> str | None:
        """30 digits that everybody in the encrypted call sees alike; None without encryption."""
        return self._gateway.privacy_code

    @property
    def is_ready(self) -> bool:
        """Speech can be sent and heard."""
        return self._gateway.is_ready

    @property
    def present(self) -> frozenset[int]:
        """User ids of everybody else in the channel, as the voice server and the main gateway tell."""
        return self._gateway.present | self._around.people

    def listen(self, sink: Callable[[VoiceEvent], None]) -> None:
        """Where events go; called on the loop, must not block. What happened before is told at once, except sound."""
        self._sink = sink
        while self._untold:
            sink(self._untold.popleft())

    def on_playout(self, sink: Callable[[PlayoutEvent], None]) -> None:
        """Where it is told what began and ended to be heard; called on the loop, must not block."""
        self._playout_sink = sink

    def allow(self, user_id: int) -> None:
        """The member agreed to be heard."""
        self._allowed.add(user_id)
        self._receiver.allow(user_id)
        self._update_deafness()

    def deny(self, user_id: int) -> None:
        """From the next packet on the member is not heard, and what was buffered of them is gone."""
        self._allowed.discard(user_id)
        self._receiver.deny(user_id)
        self._update_deafness()

    def play(self, item_id: str, pcm: bytes, source: str = "reply") -> bool:
        """Say this. Before the call is ready it waits. False: the playout was full and refused a part."""
        is_taken = self.playout.write(item_id, pcm, source)
        if not self.playout.is_empty:
            self._talker.wake()
        return is_taken

    def finish(self, source: str = "reply") -> None:
        """No more will come for now: `PlayoutEnded` follows when the rest was heard."""
        self.playout.finish(source)
        self._talker.wake()

    def stop(self, source: str | None = None) -> tuple[ItemHeard, ...]:
        """Silence at the next frame; what had been heard until then."""
        return self.playout.clear(source)

    def set_gain(self, gain: float, source: str = "reply") -> None:
        self.playout.set_gain(gain, source)

    def stats(self) -> VoiceStats:
        """As they are now: what is counted later does not change them."""
        live = VoiceStats(
            receiver=self._receiver.stats(),
            sender=self._sender.stats(),
            gateway=self._gateway.stats(),
            dave=self._gateway.dave_stats(),
            pacer=self._pacer.stats(),
            socket=self._line.socket_stats(),
            missed_frames=self._talker.missed_frames,
            refused_bytes=self.playout.refused_bytes,
            restarts=self._restarts,
            is_deaf=self._state.is_deaf,
            is_suppressed=self._state.is_suppressed,
        )
        return deepcopy(live)

    # ------------------------------------------------------------------------ discord.VoiceProtocol

    async def connect(
        self, *, timeout: float = 30.0, reconnect: bool = True, self_deaf: bool = False, self_mute: bool = False
    ) -> None:
        """Join, and return once the voice session stands; `VoiceReady` tells when speech can flow.

        `self_deaf` is not ours to choose: consent decides it. Raises `VoiceError`, after which nothing is left behind.
        """
        room = self._around.room
        if (fault := admission_fault(room)) is not None:
            self.cleanup()
            raise refusal(room, fault)
        self._state.is_mute = self_mute
        self._state.is_deaf = self._wants_deafness()
        self._runner = asyncio.create_task(self._run(), name="voice connection")
        self._obey(self._seat.join(time.monotonic()))
        try:
            async with asyncio.timeout(timeout):
                await self._settled.wait()
        except TimeoutError:
            self._close(VoiceFault.NO_ANSWER)
        except asyncio.CancelledError:
            await self.disconnect(force=True)
            raise
        if self._fault is not None:
            await self.disconnect(force=True)
            room = self._around.room
            raise refusal(room, admission_fault(room) or self._fault)

    async def disconnect(self, *, force: bool = False) -> None:
        """Leave. Afterwards no task and no socket is left; doing it again does nothing."""
        if self._runner is None:
            self.cleanup()
            return
        self._close(VoiceFault.CLOSED)
        await asyncio.wait((self._runner,))

    async def on_voice_state_update(self, data: Any) -> None:
        """Our own voice state changed."""
        channel_id = int(data["channel_id"]) if data.get("channel_id") else None
        was_suppressed, was_in = self._state.is_suppressed, self._seat.channel_id
        self._state.suppressed(bool(data.get("suppress")), channel_id)
        self._obey(self._seat.state_updated(channel_id, str(data["session_id"]), time.monotonic()))
        # Asking changes our voice state too, so it is done once for each time that we come into the audience.
        is_new = self._state.is_suppressed and not (was_suppressed and was_in == channel_id)
        if is_new and self._tasks is not None:
            self.start(self._ask_to_speak(), "stage")

    async def on_voice_server_update(self, data: Any) -> None:
        """The guild's voice server changed."""
        self._obey(self._seat.server_updated(str(data["token"]), data.get("endpoint"), time.monotonic()))

    # ------------------------------------------------------------------------ what the line asks of us

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """A task that ends with the connection at the latest."""
        assert self._tasks is not None
        return self._tasks.create_task(work, name=name)

    def tell(self, event: VoiceEvent) -> None:
        """An event of the media plane; what it means for the seat and for deafness is seen to on the way."""
        match event:
            case VoiceInterrupted():
                self._seat.server_lost()
            case MemberArrived() | MemberLeft():
                self._update_deafness()
            case VoiceClosed(fault):
                self._close(fault)
        if self._sink is not None:
            self._tell_sink(self._sink, event)
        elif not isinstance(event, SpeakerFrame | SpeakerPaused):
            self._untold.append(event)

    def _tell_sink(self, sink: Callable[[VoiceEvent], None], event: VoiceEvent) -> None:
        """A bug of the listener's must not keep us from what else is to be done here and now."""
        try:
            sink(event)
        except Exception as bug:
            self.broke(bug)

    def broke(self, bug: Exception) -> None:
        """Where raising would be lost or do harm: a task of ours raises it, which is reported and costs a fresh session."""
        if self._bugs.full():
            _log.error("voice: something failed once more", exc_info=bug)
        else:
            self._bugs.put_nowait(bug)

    async def _raise_bugs(self) -> None:
        raise await self._bugs.get()

    def _can_send(self) -> bool:
        # While a lost websocket is being resumed the key and the group stay as they are, and speech goes on.
        is_settled = self._gateway.is_ready or self._gateway.state is not State.ESTABLISHED
        return is_settled and self._sender.has_cipher

    def established(self) -> None:
        self._settled.set()

    def media_ready(self) -> None:
        self._talker.set_ready(True)

    def rejoin(self) -> None:
        self._obey(self._seat.rejoin(time.monotonic()))

    # ------------------------------------------------------------------------ the seat's commands

    def _obey(self, commands: Iterable[SeatCommand]) -> None:
        for command in commands:
            match command:
                case Ask():
                    self._state.ask(command)
                case Begin(server):
                    if self._tasks is not None and not self._over.is_set():
                        self._line.begin(server, self._around.meet())
                case Moved(channel_id):
                    self._move_to(channel_id)
                case ServerGone():
                    self._line.suspend()
                case Vacated(fault):
                    # A deleted channel sends everybody out: what the cache still knows tells the two apart.
                    is_gone = (
                        fault is VoiceFault.KICKED and admission_fault(self._around.room) is VoiceFault.CHANNEL_GONE
                    )
                    self._close(VoiceFault.CHANNEL_GONE if is_gone else fault)
                case _:
                    assert_never(command)

    def _move_to(self, channel_id: int) -> None:
        self.channel = self._around.move_to(channel_id)
        self._update_deafness()

    def _update_deafness(self) -> None:
        is_deaf = self._wants_deafness()
        if is_deaf is self._state.is_deaf:
            return
        if not self._seat.is_taken or self._state.ask(Ask(self._seat.channel_id)):
            self._state.is_deaf = is_deaf
            self._identify_until = time.monotonic() + IDENTIFY_S

    def _wants_deafness(self) -> bool:
        return not self._allowed & self.present

    # ------------------------------------------------------------------------ tasks

    async def _run(self) -> None:
        """The parent of every task of this connection, from joining to leaving."""
        try:
            while not self._over.is_set():
                try:
                    await self._live()
                except ExceptionGroup as bugs:
                    self._mend(bugs)
        finally:
            await self._depart()

    async def _live(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            forever = [
                tasks.create_task(self._tick_forever(), name="voice ticker"),
                tasks.create_task(self._state.send_forever(), name="voice states"),
                tasks.create_task(self._raise_bugs(), name="voice bugs"),
            ]
            if self._gateway.state is State.CLOSED:
                self.tell(VoiceClosed(VoiceFault.FAILED))  # a bug kept the end from being told
            elif self._restarts:
                self._line.restart()
            await self._over.wait()
            self._line.end(self._fault or VoiceFault.CLOSED)
            await self._line.drain()
            for task in forever:
                task.cancel()

    def _mend(self, bugs: ExceptionGroup[Exception]) -> None:
        """A task died: report it, and go on with a fresh session unless that happens again and again."""
        self._restarts += 1
        if not self._bugs.empty():  # of the same session, so that it costs nothing more
            _log.error("voice: something failed besides", exc_info=self._bugs.get_nowait())
        _log.error("voice: a task of the connection failed", exc_info=bugs)
        now = time.monotonic()
        is_hopeless = len(self._restarted_at) == RESTARTS and now - self._restarted_at[0] < RESTART_WINDOW_S
        self._restarted_at.append(now)
        if is_hopeless:
            self._line.end(VoiceFault.FAILED)
            self._close(VoiceFault.FAILED)

    async def _tick_forever(self) -> None:
        while True:
            now = time.monotonic()
            self._obey(self._seat.tick(now))
            self._line.tick(now, is_gateway_awake=not self._seat.is_awaiting_endpoint)
            if now >= self._presence_at:
                self._presence_at = now + PRESENCE_S
                self._look_around(now)
            await asyncio.sleep(GAP_TICK_S if self._line.has_gap else TICK_S)

    def _look_around(self, now: float) -> None:
        self._line.notice(self._around.main_session)
        if self._seat.is_seated:
            self._line.meet(*self._around.changes())
        self._update_deafness()
        if now < self._identify_until:
            self._line.identify_by_key(self._allowed & self.present)

    async def _ask_to_speak(self) -> None:
        event = await self._state.leave_audience()
        if event is not None:
            self.tell(event)

    def _close(self, fault: VoiceFault) -> None:
        """It is over, for the first reason given."""
        if self._fault is None:
            self._fault = fault
        self._over.set()
        self._settled.set()

    async def _depart(self) -> None:
        self._over.set()
        self._settled.set()
        self._tasks = None
        self._line.end(self._fault or VoiceFault.CLOSED)
        self._talker.close()
        self._obey(self._seat.leave())
        await self._state.send_rest()
        if not self._bugs.empty():
            _log.error("voice: something failed at the end", exc_info=self._bugs.get_nowait())
        self.cleanup()

    def _tell_playout(self, event: PlayoutEvent) -> None:
        if self._playout_sink is not None:
            self._playout_sink(event)


def voice_protocol(
    pacer: Pacer,
    profile: EncoderProfile = EncoderProfile.SPEECH,
    rate_hz: int = MODEL_RATE_HZ,
    *,
    output_rate_hz: int | None = None,
    allowed: Iterable[int] = (),
    tls: ssl.SSLContext | None = None,
    trace: Trace | None = None,
) -> Callable[[discord.Client, discord.abc.Connectable], Connection]:
    """What to give `channel.connect(cls=...)`.

    Args:
        rate_hz, output_rate_hz: of the PCM that is heard, and of the PCM that is played; the second as the first unless given.
        allowed: members who agreed already; whoever else does is told by `Connection.allow`.
        tls: trust for the voice server; unset: the environment's usual one, which follows SSL_CERT_FILE.
        trace: told of every message on the websocket: direction, opcode, size.
    """
    trust = tls or ssl.create_default_context()
    agreed = tuple(allowed)

    def make(client: discord.Client, channel: discord.abc.Connectable) -> Connection:
        return Connection(
            client,
            channel,
            pacer=pacer,
            profile=profile,
            rate_hz=rate_hz,
            output_rate_hz=output_rate_hz or rate_hz,
            tls=trust,
            allowed=agreed,
            trace=trace,
        )

    return make


__all__ = ["Connection", "VoiceError", "voice_protocol"]
