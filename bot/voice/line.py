"""The line to voice servers: performs what `Gateway` commands, with one websocket, one UDP socket, and the receiver behind them.

It holds no rule of the protocol. What ends, arrives or is due goes to the gateway or the receiver; what they answer is done in
order. A line outlives its servers: after a move or a migration the same line leads elsewhere.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, Protocol, assert_never

import msgspec

from bot.errors import VoiceFault
from bot.voice.events import VoiceEvent
from bot.voice.gateway import Gateway
from bot.voice.gateway_events import (
    Connect,
    Disconnect,
    Discover,
    ForgetMember,
    GatewayCommand,
    IgnoreSsrc,
    MapSsrc,
    MediaReady,
    Raise,
    Rejoin,
    ResetMedia,
    SendBinary,
    SendText,
    UseCipher,
    VoiceServer,
)
from bot.voice.receiver import Receiver
from bot.voice.sender import Sender
from bot.voice.socket import SocketStats, VoiceSocket
from bot.voice.transport import TransportCipher
from bot.voice.websocket import CLOSE_S, VoiceWebSocket

NORMAL_CLOSE: Final = 1000
ANNOUNCE_AFTER_S: Final = 0.25
"""The speaking flag travels by TCP; a first datagram of sound that overtook it would be refused."""

Trace = Callable[[str, int, int], None]
"""(direction "in" or "out", opcode or -1, size in bytes) of a message on the websocket; never its content."""


class _Opcode(msgspec.Struct):
    op: int


class LineOwner(Protocol):
    """What a line needs of the connection that it belongs to."""

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]: ...
    def tell(self, event: VoiceEvent) -> None: ...
    def established(self) -> None: ...
    def media_ready(self) -> None: ...
    def rejoin(self) -> None: ...
    def broke(self, bug: Exception) -> None: ...


class VoiceLine:
    """Sockets, tasks and the clock of one voice connection."""

    def __init__(
        self,
        owner: LineOwner,
        gateway: Gateway,
        receiver: Receiver,
        sender: Sender,
        tls: ssl.SSLContext,
        trace: Trace | None = None,
    ) -> None:
        self._owner = owner
        self._gateway = gateway
        self._receiver = receiver
        self._sender = sender
        self._tls = tls
        self._trace = trace
        self._websocket: VoiceWebSocket | None = None
        self._talks: set[asyncio.Task[None]] = set()  # websockets that are open or being closed; each ends by itself
        self._udp: VoiceSocket | None = None
        self._asked: Discover | None = None
        self._announcement: asyncio.TimerHandle | None = None

    def perform(self, commands: Iterable[GatewayCommand]) -> None:
        for command in commands:
            self._perform(command)

    def begin(self, server: VoiceServer, members: Iterable[int]) -> None:
        self.perform(self._gateway.begin(server, members, time.monotonic()))

    def suspend(self) -> None:
        """The server is being replaced: hang up, and wait for `begin`."""
        self._hang_up()
        # To the gateway this is what close 4014 says: do not come back before the main gateway has spoken.
        self.perform(self._gateway.closed(4014, time.monotonic()))

    def end(self, fault: VoiceFault) -> None:
        """Hang up for good."""
        self.perform(self._gateway.end(fault, time.monotonic()))
        # The gateway has said so already, unless a bug cut a list of its commands short.
        self._hang_up()
        self._close_udp()

    async def drain(self) -> None:
        """Wait until every websocket is closed, and cut those that do not close in time."""
        if self._talks:
            await asyncio.wait(self._talks, timeout=2 * CLOSE_S)
        for talk in self._talks:
            talk.cancel()

    def restart(self) -> None:
        """Something broke: a fresh session, and until then no sound, since what broke may be its way."""
        self.perform(self._gateway.restart(time.monotonic()))
        self._reset_media()

    @property
    def has_gap(self) -> bool:
        """Something of what is heard is missing, and is still waited for."""
        return self._receiver.has_gap

    def tick(self, now: float, *, is_gateway_awake: bool) -> None:
        """Whatever is due. An outage of Discord's lets the gateway sleep, so that it does not give up."""
        if is_gateway_awake:
            self.perform(self._gateway.tick(now))
        self._tell_all(self._receiver.tick(now))

    def notice(self, main_session: str | None) -> None:
        """Which session we have on the main gateway; None: it is away."""
        self._gateway.main_session(main_session, time.monotonic())

    def meet(self, arrived: Iterable[int], gone: Iterable[int]) -> None:
        """What voice states say of others in our channel."""
        now = time.monotonic()
        for user_id in arrived:
            self.perform(self._gateway.member_here(user_id, now))
        for user_id in gone:
            self.perform(self._gateway.member_gone(user_id, now))

    def identify_by_key(self, user_ids: Iterable[int]) -> None:
        """Find out whose the unknown sound is, among these members only: the map may have been missed while we were deaf."""
        self._tell_all(self._receiver.try_members(user_ids, time.monotonic()))

    def transmit(self, datagram: bytes) -> None:
        if self._udp is not None:
            self._udp.send(datagram)

    def announce(self, is_speaking: bool) -> None:
        self.perform(self._gateway.speaking(int(is_speaking)))

    def socket_stats(self) -> SocketStats | None:
        return None if self._udp is None else self._udp.stats()

    def _perform(self, command: GatewayCommand) -> None:
        match command:
            case SendText(data) | SendBinary(data):
                self._send(data)
            case Raise(event):
                self._owner.tell(event)
            case Connect(url):
                self._connect(url)
            case Disconnect(code):
                self._hang_up(code)
            case Rejoin():
                self._owner.rejoin()
            case MapSsrc() | IgnoreSsrc() | ForgetMember():
                self._sort(command)
            case Discover():
                self._discover(command)
            case UseCipher():
                self._use_cipher(command)
            case MediaReady():
                self._owner.media_ready()
            case ResetMedia():
                self._reset_media()
            case _:
                assert_never(command)

    def _sort(self, command: MapSsrc | IgnoreSsrc | ForgetMember) -> None:
        match command:
            case MapSsrc(user_id, ssrc):
                self._tell_all(self._receiver.map_ssrc(ssrc, user_id, time.monotonic()))
            case IgnoreSsrc(ssrc):
                self._receiver.ignore_ssrc(ssrc)
            case ForgetMember(user_id):
                self._receiver.forget_user(user_id)

    def _tell_all(self, events: Iterable[VoiceEvent]) -> None:
        for event in events:
            self._owner.tell(event)

    # ------------------------------------------------------------------------ websocket

    def _connect(self, url: str) -> None:
        self._hang_up()
        socket = VoiceWebSocket(
            url, self._tls, on_open=lambda: self._opened(socket), on_message=lambda data: self._receive(socket, data)
        )
        self._websocket = socket
        talk = self._owner.start(self._converse(socket), "voice websocket")
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _converse(self, socket: VoiceWebSocket) -> None:
        code = await socket.run()
        if socket is self._websocket:
            self._websocket = None
            self.perform(self._gateway.closed(code, time.monotonic()))

    def _opened(self, socket: VoiceWebSocket) -> None:
        if socket is self._websocket:
            self.perform(self._gateway.opened(time.monotonic()))

    def _receive(self, socket: VoiceWebSocket, data: str | bytes) -> None:
        if socket is not self._websocket:
            return  # what a server says after we hung up is of no interest
        if self._trace is not None:
            self._note("in", data)
        now = time.monotonic()
        if isinstance(data, str):
            self.perform(self._gateway.receive_text(data, now))
        else:
            self.perform(self._gateway.receive_binary(data, now))

    def _send(self, data: str | bytes) -> None:
        if self._websocket is not None:
            if self._trace is not None:
                self._note("out", data)
            self._websocket.send(data)

    def _hang_up(self, code: int = NORMAL_CLOSE) -> None:
        socket, self._websocket = self._websocket, None
        if socket is not None:
            socket.close(code)

    def _note(self, direction: str, data: str | bytes) -> None:
        assert self._trace is not None
        if isinstance(data, bytes):
            at = 2 if direction == "in" else 0  # the server puts a sequence of 16 bits before the opcode
            op = data[at] if len(data) > at else -1
        else:
            try:
                op = msgspec.json.decode(data, type=_Opcode).op
            except msgspec.MsgspecError:
                op = -1
        self._trace(direction, op, len(data))

    # ------------------------------------------------------------------------ UDP

    def _discover(self, ask: Discover) -> None:
        if self._asked == ask:
            if self._udp is not None:
                self._udp.ask_address(ask.ssrc)
            return
        self._close_udp()
        self._asked = ask
        self._owner.start(self._open_udp(ask), "voice UDP")

    async def _open_udp(self, ask: Discover) -> None:
        try:
            udp = await VoiceSocket.open(ask.ip, ask.port, self._hear, self._discovered)
        except OSError:
            if self._asked is ask:
                self._asked = None  # the gateway asks again, some times
            return
        if self._asked is not ask:
            udp.close()
            return
        self._udp = udp
        udp.ask_address(ask.ssrc)

    def _discovered(self, ip: str, port: int) -> None:
        try:
            self.perform(self._gateway.discovered(ip, port, time.monotonic()))
        except Exception as bug:
            self._owner.broke(bug)

    def _hear(self, data: bytes) -> None:
        now = time.monotonic()
        try:
            self._tell_all(self._receiver.receive_datagram(data, now))
        except Exception as bug:
            # A callback of the loop's: left to it, a bug would be a line in the log for each packet, and a deaf call.
            self._owner.broke(bug)

    def _use_cipher(self, command: UseCipher) -> None:
        self._receiver.use_cipher(cipher := TransportCipher(command.mode, command.key))
        self._sender.use_cipher(cipher, command.ssrc)
        if self._udp is not None:
            self._udp.keep_alive()
        self._cancel_announcement()
        self._announcement = asyncio.get_running_loop().call_later(ANNOUNCE_AFTER_S, self._announce_address)
        self._owner.established()

    def _announce_address(self) -> None:
        datagram = self._sender.announcement(time.monotonic())
        if datagram is not None:
            self.transmit(datagram)

    def _reset_media(self) -> None:
        # Without a cipher nothing can leave: whoever speaks notices with the next frame, and keeps what was still to be said.
        self._receiver.reset()
        self._receiver.use_cipher(None)
        self._sender.use_cipher(None)
        self._close_udp()

    def _close_udp(self) -> None:
        self._cancel_announcement()
        self._asked = None
        if self._udp is not None:
            self._udp.close()
            self._udp = None

    def _cancel_announcement(self) -> None:
        if self._announcement is not None:
            self._announcement.cancel()
            self._announcement = None
