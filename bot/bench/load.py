"""The other side of every call, in a process of its own: members who speak, a speech model that answers, and the voice server between.

The voice gateway, its handshake and the encrypted group are the rehearsal's (`VoiceServer`, over TLS). Two things are leaner than there, so
that this process is never the bottleneck: a member has no socket of their own (a `Puppet` in this process, whose packets are encrypted for
the group, sealed with our key and put on the voice server's UDP socket at their time), and what comes in from the bot is counted and
stamped by its clear header and size; every 50th packet goes through the strict relay as well, which opens it.

The model is a TLS websocket server that counts appends and streams replies of 100 ms pieces in real time. Its sound is the material's.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import ssl
import time
from collections import defaultdict
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bot.bench.group import EXTENSION
from bot.bench.material import packets, speech
from bot.bench.measure import cpu_s, pin, prefer
from bot.rehearsal.certificate import Certificate
from bot.rehearsal.media_relay import Address, Dress, MediaRelay
from bot.rehearsal.media_wire import MediaPacket, seal_packet
from bot.rehearsal.member_group import MemberGroup
from bot.rehearsal.udp_server import UdpServer
from bot.rehearsal.voice_ops import Op
from bot.rehearsal.voice_server import VoiceServer
from bot.rehearsal.voice_session import Link, VoiceSession

ME: Final = 1
MEMBER: Final = 11
FRAME_S: Final = 0.02
PIECE_MS: Final = 100
CHECKED_EVERY: Final = 50
MATERIAL_S: Final = 16.0
STEP_S: Final = 0.001
STEPS: Final = round(PIECE_MS / 1000 / STEP_S)
GOLDEN: Final = 0.618034
LEAD_PIECES: Final = 4
PROBE_PIECES: Final = 8
SILENT_BYTES: Final = 12 + 3 + 16 + 4
"""A datagram of Opus silence, which end-to-end encryption leaves as it is."""


@dataclass(slots=True)
class Tally:
    """What went to and came from one call. Times are of the monotonic clock, which all processes of a machine share."""

    spoken_at: list[float] = field(default_factory=list)
    heard_at: list[float] = field(default_factory=list)  # datagrams of reply sound
    silences: int = 0
    appended: int = 0
    probed: list[tuple[str, float]] = field(default_factory=list)  # item, when its first piece was written


class Puppet(Link):
    """A member without a socket: what the server would send goes straight into their end of the encrypted group."""

    def __init__(self, server: LoadServer, call: int) -> None:
        self.close_code: int | None = None
        self.closed = asyncio.Event()
        self.heartbeat_at = 0.0
        self.session: VoiceSession | None = None
        self.group = MemberGroup(MEMBER, channel_of(call))
        self.sequence = 0
        self.timestamp = 0
        self._server = server
        self._loop = asyncio.get_running_loop()

    def put(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            replies = self.group.receive_binary(message[2], message[3:])
        else:
            body = json.loads(message)
            if body["op"] == Op.CLIENTS_CONNECT:
                self.group.announced.update(int(user_id) for user_id in body["d"]["user_ids"])
            replies = self.group.receive_json(body["op"], body["d"])
        for op, payload in replies:
            self._loop.call_soon(self._server.say, self, op, payload)

    def close(self, code: int, reason: str = "") -> None:
        self.close_code = code

    def abort(self) -> None:
        self.close_code = 1006


class CountingUdp(UdpServer):
    """Counts and stamps the bot's sound by clear header and size; all else, and a sample of it, goes the rehearsal's way."""

    def __init__(self, relay: MediaRelay, tallies: dict[int, Tally]) -> None:
        super().__init__(relay, time.monotonic)
        self._tallies = tallies
        self._count = 0

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if data[0] != 0x80 or data[1] != 120:
            super().datagram_received(data, addr)
            return
        tally = self._tallies[int.from_bytes(data[8:12], "big")]
        if len(data) > SILENT_BYTES:
            tally.heard_at.append(time.monotonic())
        else:
            tally.silences += 1
        self._count += 1
        if self._count % CHECKED_EVERY == 0:
            super().datagram_received(data, addr)

    def put(self, data: bytes, address: Address) -> None:
        assert self._transport is not None
        self._transport.sendto(data, address)


class LoadServer(VoiceServer):
    """The loopback voice server with puppets for members."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(tls, dress=Dress(padded_share=0, burst_share=0, report_every=0))
        self.by_ssrc: dict[int, Tally] = defaultdict(Tally)
        self.udp = CountingUdp(self.relay, self.by_ssrc)
        self._udp = self.udp
        self.puppets: dict[int, Puppet] = {}

    def seat(self, call: int) -> tuple[str, str]:
        """A member sits in this call's channel. Answers with the bot's token and endpoint."""
        member = self.announce(guild_of(call), channel_of(call), MEMBER, "member")
        session = self._directory.open(member, 1)
        puppet = self.puppets[call] = Puppet(self, call)
        session.link, puppet.session = puppet, session
        room = self.call(channel_of(call))
        room.enter(session)
        session.media.has_spoken, session.speaking = True, 1
        replies = puppet.group.describe(1)
        room.establish(session, time.monotonic())
        for op, payload in replies:
            self.say(puppet, op, payload)
        ticket = self.announce(guild_of(call), channel_of(call), ME, "session")
        assert ticket.endpoint is not None
        return ticket.token, ticket.endpoint

    def say(self, puppet: Puppet, op: int, payload: bytes | dict[str, Any]) -> None:
        assert puppet.session is not None
        self._directory.call_of(puppet.session).receive(puppet.session, op, payload, time.monotonic())

    def tally(self, call: int) -> Tally:
        session = self.session(guild_of(call), ME)
        return self.by_ssrc[session.media.ssrc if session is not None else 0]

    def take_tally(self, call: int) -> Tally:
        """The call's counts since they were taken last."""
        taken = self.tally(call)
        session = self.session(guild_of(call), ME)
        if session is not None:
            self.by_ssrc[session.media.ssrc] = Tally()
        return taken

    def speak(self, call: int, opus: bytes) -> None:
        """20 ms of the call's member, as the voice server would forward it."""
        session, puppet = self.session(guild_of(call), ME), self.puppets[call]
        payload = puppet.group.encrypt(opus)
        if session is None or payload is None or puppet.session is None:
            return
        media = session.media
        if media.cipher is None or media.address is None:
            return
        puppet.sequence = (puppet.sequence + 1) & 0xFFFF
        puppet.timestamp = (puppet.timestamp + 960) & 0xFFFFFFFF
        packet = MediaPacket(puppet.session.media.ssrc, puppet.sequence, puppet.timestamp, 120, payload)
        datagram = seal_packet(media.cipher, packet, extension=EXTENSION)
        self.by_ssrc[media.ssrc].spoken_at.append(time.monotonic())
        self.udp.put(datagram, media.address)


class Model:
    """A speech model for any number of sessions, named by the path of their address."""

    def __init__(self, server: LoadServer) -> None:
        self._server = server
        self._sockets: dict[int, ServerConnection] = {}
        self._items: dict[int, int] = defaultdict(int)
        sound = speech(MATERIAL_S, pause_s=0.0).tobytes()
        piece = PIECE_MS * 48
        self._pieces = [
            base64.b64encode(sound[start : start + piece]).decode() for start in range(0, len(sound) - piece + 1, piece)
        ]
        self.sounding: set[int] = set()

    async def converse(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        call = int(socket.request.path.split("?")[0].strip("/"))
        self._sockets[call] = socket
        await socket.send('{"type":"session.created","session":{"id":"bench"}}')
        with contextlib.suppress(ConnectionClosed):
            async for message in socket:
                if '"input_audio_buffer.append"' in str(message[:40]):
                    self._server.tally(call).appended += 1
                elif '"session.update"' in str(message[:40]):
                    await socket.send('{"type":"session.updated","session":{"turn_detection":null}}')
        del self._sockets[call]

    async def stream_forever(self) -> None:
        """Every call of `sounding` gets a piece each 100 ms, spread evenly; the first time some more, as models run ahead."""
        number, deadline, begun = 0, time.monotonic(), set[int]()
        while True:
            deadline += STEP_S
            await asyncio.sleep(max(0.0, deadline - time.monotonic()))
            for call in list(self.sounding):
                # Phases as far apart as they can be, and in no simple ratio to the 20 ms of a frame.
                if round(call * GOLDEN % 1.0 * STEPS) % STEPS == number % STEPS:
                    for _ in range(1 if call in begun else LEAD_PIECES):
                        await self._say(call, "reply", self._pieces[(number // STEPS + 7 * call) % len(self._pieces)])
                    begun.add(call)
            begun &= self.sounding
            number += 1

    async def probe(self, call: int) -> None:
        """A reply of its own, at once and faster than real time."""
        self._items[call] += 1
        item = f"probe {self._items[call]}"
        self._server.tally(call).probed.append((item, time.monotonic()))
        for number in range(PROBE_PIECES):
            await self._say(call, item, self._pieces[(number + 3 * call) % len(self._pieces)])

    async def _say(self, call: int, item: str, piece: str) -> None:
        with contextlib.suppress(ConnectionClosed, KeyError):  # the measurement is over
            await self._sockets[call].send(
                f'{{"type":"response.audio.delta","response_id":"r{call}","item_id":"{item}","delta":"{piece}"}}'
            )


class Load:
    """Obeys the measuring process, one request and one answer at a time."""

    def __init__(self, server: LoadServer, model: Model, listener: Server, pipe: Pipe) -> None:
        self._server = server
        self._model = model
        self._port = listener.sockets[0].getsockname()[1]
        self._pipe = pipe
        self._speakers = 0
        self._over = asyncio.Event()
        self._packets = packets(MATERIAL_S, 0.0)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._pipe.fileno(), self._obey)
        # uvloop makes whatever it watches non-blocking, and an answer may be larger than the pipe's buffer.
        os.set_blocking(self._pipe.fileno(), True)
        async with asyncio.TaskGroup() as tasks:
            forever = [
                tasks.create_task(self._speak_forever()),
                tasks.create_task(self._model.stream_forever()),
            ]
            self._tasks = tasks
            await self._over.wait()
            loop.remove_reader(self._pipe.fileno())
            for task in forever:
                task.cancel()

    def _obey(self) -> None:
        try:
            verb, value = self._pipe.recv()
        except (EOFError, OSError):  # whoever measured is gone
            self._over.set()
            return
        try:
            self._answer(verb, value)
        except Exception as bug:
            self._pipe.send(bug)  # raised again by whoever asked

    def _answer(self, verb: str, value: Any) -> None:
        answer: Any = None
        match verb:
            case "seat":
                answer = (self._port, [self._server.seat(call) for call in value])
            case "speak":
                self._speakers = value
            case "sound":
                self._model.sounding = set(value)
            case "probe":
                for call in value:
                    self._tasks.create_task(self._model.probe(call))
                return  # whoever told this measures, and cannot wait for an answer
            case "tallies":
                answer = [self._server.take_tally(call) for call in value]
            case "cpu":
                answer = cpu_s()
            case "faults":
                answer = self._faults()
            case "stop":
                self._over.set()
        self._pipe.send(answer)

    def _faults(self) -> dict[str, int]:
        """What the strict relay did not like in the sample that it opened, and groups that a member could not follow."""
        faults: dict[str, int] = defaultdict(int)
        for call in self._server.puppets:
            session = self._server.session(guild_of(call), ME)
            for name, count in session.media.faults().items() if session is not None else ():
                faults[name] += count
        return dict(faults)

    async def _speak_forever(self) -> None:
        """Every speaker sends a packet each 20 ms; their phases are spread evenly, by absolute deadlines."""
        due: dict[int, float] = {}
        number: dict[int, int] = defaultdict(int)
        while True:
            await asyncio.sleep(0.001)
            now = time.monotonic()
            for call in range(self._speakers):
                at = due.setdefault(call, now + (call * GOLDEN % 1.0) * FRAME_S)
                while at <= now:
                    self._server.speak(call, self._packets[(number[call] + 131 * call) % len(self._packets)])
                    number[call] += 1
                    at += FRAME_S
                due[call] = at
            for call in [call for call in due if call >= self._speakers]:
                del due[call]


def guild_of(call: int) -> int:
    return 1_000 + call


def channel_of(call: int) -> int:
    return 5_000 + call


def run(pipe: Pipe, folder: Path, core: int | None) -> None:
    """The process. `folder` holds the certificate's files."""
    pin(core)
    prefer()
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(pipe, folder))


async def _run(pipe: Pipe, folder: Path) -> None:
    certificate = Certificate(
        folder / "authority.pem", folder / "trust.pem", folder / "server.pem", folder / "server.key"
    )
    tls = certificate.server_context()
    async with LoadServer(tls) as server:
        model = Model(server)
        listener = await serve(model.converse, "127.0.0.1", 0, ssl=tls, compression=None, ping_interval=None)
        pipe.send("ready")
        await Load(server, model, listener, pipe).run()
        listener.close()
