"""The voice client of a scripted member: it joins with a ticket, speaks PCM as an official client would, and records what it hears.

Written apart from `bot.voice` (which it must not import), so that both can only agree by reading the protocol right.
It does not reconnect: a member's socket that breaks is the end of the member's call.

    async with MemberVoice(ticket, tls=certificate.client_context()) as alice:
        await alice.until_ready()
        await alice.speak(pcm)                       # 24 kHz mono s16le, in real time
        began = await alice.until_heard(bot_id)
        sound = alice.heard(bot_id)                  # int16 at 24 kHz since the call began
"""

from __future__ import annotations

import asyncio
import json
import ssl
import struct
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bot.audio.frame import FRAME_BYTES
from bot.audio.opus import EncoderProfile, OpusEncoder
from bot.rehearsal.media_wire import (
    MODES,
    PING,
    SILENCE,
    MediaCipher,
    discovered_address,
    discovery_request,
)
from bot.rehearsal.member_ears import Ears, Sound
from bot.rehearsal.member_group import MemberGroup, Reply
from bot.rehearsal.member_media import FRAME_S, MemberMedia
from bot.rehearsal.voice_ops import Op
from bot.rehearsal.voice_session import VoiceTicket

SILENCE_FRAMES: Final = 5
KEEPALIVE_S: Final = 5.0
DISCOVERY_TRIES: Final = 5
DISCOVERY_WAIT_S: Final = 0.5


class _Socket(asyncio.DatagramProtocol):
    def __init__(self, receive: Callable[[bytes], None]) -> None:
        self._receive = receive

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._receive(data)


class MemberVoice:
    """One member in one call.

    `ears` is what was heard, `counts` what was received and what was wrong with it, `group` the end-to-end encryption.
    """

    def __init__(
        self,
        ticket: VoiceTicket,
        tls: ssl.SSLContext | None = None,
        *,
        modes: tuple[str, ...] = MODES,
        max_dave_version: int = 1,
    ) -> None:
        """`modes` in order of preference."""
        self.ticket = ticket
        self.group = MemberGroup(ticket.user_id, ticket.channel_id)
        self.media = MemberMedia(ticket.user_id, self.group)
        self.joined_at = 0.0
        self.close_code: int | None = None
        self._tls = tls
        self._modes = modes
        self._max_dave_version = max_dave_version
        self._websocket: ClientConnection | None = None
        self._udp: asyncio.DatagramTransport | None = None
        self._address: asyncio.Future[tuple[str, int]] | None = None
        self._established = asyncio.Event()
        self._changed = asyncio.Event()  # something was heard, or the group moved on
        self._tasks: list[asyncio.Task[None]] = []
        self._sequence_seen = -1
        self._mouth = asyncio.Lock()
        self._is_hushed = False
        self._encoder = OpusEncoder(EncoderProfile.SPEECH)

    @property
    def ears(self) -> Ears:
        return self.media.ears

    @property
    def counts(self) -> Counter[str]:
        return self.media.counts

    @property
    def ssrc(self) -> int:
        return self.media.ssrc

    @property
    def privacy_code(self) -> str | None:
        return self.group.privacy_code

    # ------------------------------------------------------------------ coming and going

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self, timeout_s: float = 30.0) -> None:
        """In the call, and able to hear. Raises TimeoutError, or ConnectionError with the close code."""
        scheme = "wss" if self._tls is not None else "ws"
        address = f"{scheme}://{self.ticket.endpoint}/?v=8"
        self._websocket = await connect(address, ssl=self._tls, compression=None, ping_interval=None, proxy=None)
        self.joined_at = time.monotonic()
        self._tasks.append(asyncio.create_task(self._read(self._websocket), name="member voice reader"))
        established = asyncio.create_task(self._established.wait())
        try:
            await asyncio.wait([established, self._tasks[0]], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            established.cancel()
        if not self._established.is_set():
            await self.close()
            if self.close_code is not None:
                raise ConnectionError(f"voice server closed with {self.close_code}")
            raise TimeoutError("no session description")

    async def close(self) -> None:
        self.hush()
        if self._websocket is not None:
            await self._websocket.close()
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._udp is not None:
            self._udp.close()
        self._tasks.clear()
        failures = [one for one in results if isinstance(one, Exception)]
        if failures:
            raise failures[0]

    # ------------------------------------------------------------------ websocket

    async def _read(self, websocket: ClientConnection) -> None:
        try:
            async for message in websocket:
                if isinstance(message, str):
                    await self._receive_json(json.loads(message))
                else:
                    self._sequence_seen = int.from_bytes(message[:2], "big")
                    await self._reply(self.group.receive_binary(message[2], bytes(message[3:])))
                self._changed.set()
        except ConnectionClosed:
            pass  # the code below says how it ended
        self.close_code = websocket.close_code
        self._changed.set()

    async def _receive_json(self, message: dict[str, Any]) -> None:
        self._sequence_seen = message.get("seq", self._sequence_seen)
        data = message["d"]
        match message["op"]:
            case Op.HELLO:
                self._start(self._beat(data["heartbeat_interval"] / 1000), "member heartbeat")
                await self._identify()
            case Op.READY:
                self._start(self._find_address(data), "member discovery")
            case Op.SESSION_DESCRIPTION:
                await self._describe(data)
            case Op.HEARTBEAT:  # the server asks for one now
                await self._heartbeat()
            case Op.SPEAKING:
                self.media.map_ssrc(int(data["ssrc"]), int(data["user_id"]))
            case Op.CLIENTS_CONNECT:
                self.group.announced |= {int(user_id) for user_id in data["user_ids"]}
            case Op.CLIENT_DISCONNECT:
                self.group.announced.discard(int(data["user_id"]))
            case Op.PREPARE_TRANSITION | Op.EXECUTE_TRANSITION | Op.PREPARE_EPOCH:
                await self._reply(self.group.receive_json(message["op"], data))

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _send(self, op: int, data: Any) -> None:
        assert self._websocket is not None
        await self._websocket.send(json.dumps({"op": op, "d": data}))

    async def _reply(self, replies: list[Reply]) -> None:
        assert self._websocket is not None
        for op, payload in replies:
            if isinstance(payload, bytes):
                await self._websocket.send(bytes([op]) + payload)
            else:
                await self._send(op, payload)

    async def _identify(self) -> None:
        body = {
            "server_id": str(self.ticket.guild_id),
            "user_id": str(self.ticket.user_id),
            "session_id": self.ticket.session_id,
            "token": self.ticket.token,
            "max_dave_protocol_version": self._max_dave_version,
        }
        await self._send(Op.IDENTIFY, body)

    async def _beat(self, interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            await self._heartbeat()

    async def _heartbeat(self) -> None:
        nonce = time.monotonic_ns() // 1_000_000
        await self._try_send(Op.HEARTBEAT, {"t": nonce, "seq_ack": self._sequence_seen})

    async def _try_send(self, op: int, data: Any) -> None:
        try:
            await self._send(op, data)
        except ConnectionClosed:
            self.counts["sent into a closed socket"] += 1

    async def _find_address(self, ready: dict[str, Any]) -> None:
        self.media.ssrc = ready["ssrc"]
        loop = asyncio.get_running_loop()
        self._address = loop.create_future()
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Socket(self._receive_datagram), remote_addr=(ready["ip"], ready["port"])
        )
        for _ in range(DISCOVERY_TRIES):
            self._udp.sendto(discovery_request(self.ssrc))
            await asyncio.wait([self._address], timeout=DISCOVERY_WAIT_S)
            if self._address.done():
                break
        else:
            raise TimeoutError("no answer to IP discovery")
        host, port = self._address.result()
        mode = next(mode for mode in self._modes if mode in ready["modes"])
        chosen = {"address": host, "port": port, "mode": mode}
        await self._try_send(Op.SELECT_PROTOCOL, {"protocol": "udp", "data": chosen})
        await self._keep_alive()

    async def _describe(self, data: dict[str, Any]) -> None:
        self.media.cipher = MediaCipher(data["mode"], bytes(data["secret_key"]))
        await self._send(Op.SPEAKING, {"speaking": 0, "delay": 0, "ssrc": self.ssrc})
        await self._reply(self.group.describe(data["dave_protocol_version"]))
        self._established.set()

    # ------------------------------------------------------------------ hearing

    async def _keep_alive(self) -> None:
        number = 0
        while self._udp is not None and not self._udp.is_closing():
            self._udp.sendto(struct.pack(">II", PING, number))
            number += 1
            await asyncio.sleep(KEEPALIVE_S)

    def _receive_datagram(self, data: bytes) -> None:
        arrived_at = time.monotonic()
        address = discovered_address(data)
        if address is not None:
            if self._address is not None and not self._address.done():
                self._address.set_result(address)
            return
        self.media.receive(data, arrived_at)
        self._changed.set()

    def heard(self, user_id: int, since: float | None = None) -> Sound:
        """int16 mono at 24 kHz from `since` (monotonic; unset: when this member joined) until now."""
        return self.ears.recording(user_id, self.joined_at if since is None else since, time.monotonic())

    async def until_heard(self, user_id: int, *, after: float | None = None, timeout_s: float = 30.0) -> float:
        """Waits for sound of that member that arrives after `after` (unset: now); the time of it. Raises TimeoutError."""
        after = time.monotonic() if after is None else after
        await self.until(lambda: (self.ears.sound_at(user_id) or 0.0) > after, timeout_s)
        return self.ears.sound_at(user_id) or 0.0

    async def until_quiet(self, user_id: int, *, quiet_s: float = 0.5, timeout_s: float = 60.0) -> float:
        """Waits until nothing of that member has arrived for `quiet_s`; the time of the last sound (0.0: never any)."""
        quiet_since = time.monotonic()
        async with asyncio.timeout(timeout_s):
            while (remaining_s := quiet_since + quiet_s - time.monotonic()) > 0:
                await asyncio.sleep(remaining_s)
                quiet_since = max(self.ears.sound_at(user_id) or 0.0, quiet_since)
        return self.ears.sound_at(user_id) or 0.0

    async def until_ready(self, timeout_s: float = 30.0, others: set[int] | None = None) -> None:
        """Waits until what this member says can be understood: at version 0, or in the group (with all of `others`)."""
        wanted = others or set()
        await self.until(
            lambda: self.group.is_ready and (self.group.version == 0 or wanted <= self.group.user_ids), timeout_s
        )

    async def until(self, holds: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Waits until `holds()`, asked whenever something was received. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    # ------------------------------------------------------------------ speaking

    async def speak(self, pcm: bytes | Sound) -> tuple[float, float]:
        """Says 24 kHz mono (s16le bytes, or an int16 array) in real time; when the first and the last frame of it left (seconds, monotonic).

        Ends early after `hush()`. Two calls at once speak one after the other.
        """
        pcm = pcm if isinstance(pcm, bytes) else pcm.astype("<i2").tobytes()
        async with self._mouth:
            self._is_hushed = False
            self.media.resume(time.monotonic())
            await self._try_send(Op.SPEAKING, {"speaking": 1, "delay": 0, "ssrc": self.ssrc})
            began_at = ended_at = time.monotonic()
            frames = [pcm[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\0") for at in range(0, len(pcm), FRAME_BYTES)]
            due = began_at
            for frame in frames:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if self._is_hushed:
                    break
                self._send_opus(self._encoder.encode(frame))
                ended_at = time.monotonic()
                due += FRAME_S
            # "Five frames of silence (0xF8, 0xFF, 0xFE) ... before stopping" (voice documentation)
            for _ in range(SILENCE_FRAMES):
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                self._send_opus(SILENCE)
                due += FRAME_S
            await self._try_send(Op.SPEAKING, {"speaking": 0, "delay": 0, "ssrc": self.ssrc})
            self._encoder.reset()
            return began_at, ended_at

    def hush(self) -> None:
        """Stop at the next frame."""
        self._is_hushed = True

    def _send_opus(self, opus: bytes) -> None:
        datagram = self.media.seal(opus, time.monotonic())
        if datagram is not None and self._udp is not None and not self._udp.is_closing():
            self._udp.sendto(datagram)
