"""One member's voice session on the server: numbered messages that a resume replays, the socket of the moment, sabotage.

A `Link` is one websocket. A `VoiceSession` outlives it: when the socket breaks, the session waits for a resume (op 7) and
then sends what was missed. Server messages of JSON that are buffered carry a top-level `seq`, binary ones start with it
(16 bits, big endian); a client's heartbeat with `seq_ack` trims the buffer.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from bot.rehearsal.media_relay import MediaSession
from bot.rehearsal.voice_ops import Op

OUTBOX_LIMIT: Final = 1_024
REPLAY_LIMIT: Final = 512
SHOWN: Final = (5, 23, 31)

Payload = dict[str, Any]


class CloseCode(IntEnum):
    """Close codes of the voice gateway that this server gives, and those that tests ask for by name."""

    UNKNOWN_OPCODE = 4001
    FAILED_TO_DECODE = 4002
    NOT_AUTHENTICATED = 4003
    AUTHENTICATION_FAILED = 4004
    ALREADY_AUTHENTICATED = 4005
    SESSION_INVALID = 4006
    SESSION_TIMEOUT = 4009
    UNKNOWN_PROTOCOL = 4012
    DISCONNECTED = 4014
    SERVER_CRASHED = 4015
    UNKNOWN_MODE = 4016
    ENCRYPTION_REQUIRED = 4017
    BAD_REQUEST = 4020
    CALL_TERMINATED = 4022


@dataclass(frozen=True, slots=True)
class VoiceTicket:
    """What lets one member into one call: the values of VOICE_SERVER_UPDATE and VOICE_STATE_UPDATE.

    `endpoint` is `host:port`, or None while a server is being found.
    """

    token: str
    endpoint: str | None
    guild_id: int = 0
    channel_id: int = 0
    user_id: int = 0
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """One message of a client, without secrets: `keys` of JSON `d`, sorted; `size` in bytes; `values` of op 5, 23, 31 only."""

    op: int
    keys: tuple[str, ...]
    size: int
    is_binary: bool = False
    values: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def of_json(cls, op: int, data: Any, size: int) -> ClientMessage:
        named = data if isinstance(data, Mapping) else {}
        shown = tuple(sorted(named.items())) if op in SHOWN else ()
        return cls(op, tuple(sorted(named)), size, values=shown)


@dataclass
class Sabotage:
    """What goes wrong on one member's socket, by opcode: the next `drop[op]` are lost, `delay_s[op]` holds each back,
    and the `corrupt[op]`-th binary message from now is damaged (1: the next)."""

    drop: Counter[int] = field(default_factory=Counter)
    delay_s: dict[int, float] = field(default_factory=dict)
    corrupt: dict[int, int] = field(default_factory=dict)

    def drops(self, op: int) -> bool:
        if self.drop[op] <= 0:
            return False
        self.drop[op] -= 1
        return True

    def damaged(self, op: int, payload: bytes) -> bytes:
        if op not in self.corrupt:
            return payload
        self.corrupt[op] -= 1
        if self.corrupt[op] > 0:
            return payload
        del self.corrupt[op]
        middle = len(payload) // 2
        return payload[:middle] + bytes([payload[middle] ^ 0xFF]) + payload[middle + 1 :]


class Link:
    """One websocket of a client: an outbox (bounded: a client that does not read is cut off) and its writer."""

    def __init__(self, socket: ServerConnection, opened_at: float) -> None:
        self._socket = socket
        self._outbox: asyncio.Queue[str | bytes | tuple[int, str]] = asyncio.Queue(OUTBOX_LIMIT)
        self.session: VoiceSession | None = None
        self.heartbeat_at = opened_at
        self.close_code: int | None = None
        self.closed = asyncio.Event()

    def put(self, message: str | bytes) -> None:
        if self.close_code is not None:
            return
        try:
            self._outbox.put_nowait(message)
        except asyncio.QueueFull:
            self.abort()

    def put_json(self, op: int, data: Any, **beside: Any) -> None:
        self.put(json.dumps({"op": op, "d": data, **beside}))

    def close(self, code: int, reason: str = "") -> None:
        """Close after what is in the outbox."""
        if self.close_code is not None:
            return
        self.close_code = code
        try:
            self._outbox.put_nowait((code, reason))
        except asyncio.QueueFull:
            self.abort()

    def abort(self) -> None:
        """Cut the connection without a word: the client sees 1006."""
        if self.close_code is None:
            self.close_code = 1006
        self._socket.transport.abort()

    async def write(self) -> None:
        """Send until the socket is closed. Run it beside the reader."""
        try:
            while True:
                message = await self._outbox.get()
                if isinstance(message, tuple):
                    await self._socket.close(*message)
                    return
                await self._socket.send(message)
        except ConnectionClosed:
            return


class VoiceSession:
    """What the server keeps for one member in one call."""

    def __init__(self, ticket: VoiceTicket, media: MediaSession, sabotage: Sabotage, max_dave_version: int) -> None:
        self.ticket = ticket
        self.media = media
        self.sabotage = sabotage
        self.max_dave_version = max_dave_version
        self.link: Link | None = None
        self.lost_at: float | None = None
        self.speaking = 0
        self.is_established = False  # has a session description
        self.introduced: set[int] = set()  # SSRCs this member was told of by op 5
        self._sequence = 0
        self._sent: deque[tuple[int, str | bytes]] = deque(maxlen=REPLAY_LIMIT)
        self._trimmed = False

    @property
    def user_id(self) -> int:
        return self.ticket.user_id

    def start_numbering_after(self, sequence: int) -> None:
        """For tests of the 16-bit wrap."""
        self._sequence = sequence

    def tell(self, op: int, data: Any) -> None:
        """A buffered JSON message."""
        self._deliver(op, lambda number: json.dumps({"op": op, "d": data, "seq": number}))

    def tell_binary(self, op: int, payload: bytes) -> None:
        """A buffered binary message: u16 sequence, u8 opcode, payload."""
        damaged = self.sabotage.damaged(op, payload)
        self._deliver(op, lambda number: number.to_bytes(2, "big") + bytes([op]) + damaged)

    def _deliver(self, op: int, message: Any) -> None:
        if self.sabotage.drops(op):
            return
        delay_s = self.sabotage.delay_s.get(op, 0.0)
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self._number, message)
        else:
            self._number(message)

    def _number(self, message: Any) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        if len(self._sent) == REPLAY_LIMIT:
            self._trimmed = True
        self._sent.append((self._sequence, message(self._sequence)))
        if self.link is not None:
            self.link.put(self._sent[-1][1])

    def acknowledge(self, sequence: int) -> None:
        """The client has everything up to `sequence`: forget it."""
        if any(number == sequence for number, _ in self._sent):
            self._trimmed = True
            while self._sent.popleft()[0] != sequence:
                pass

    def resume(self, link: Link, sequence: int) -> bool:
        """Go on over `link`, replaying what came after `sequence` (-1: nothing was seen). False: the buffer has a gap."""
        missed = self._missed(sequence)
        if missed is None:
            return False
        self.link, self.lost_at, link.session = link, None, self
        link.put_json(Op.RESUMED, None)
        for message in missed:
            link.put(message)
        return True

    def _missed(self, sequence: int) -> list[str | bytes] | None:
        numbers = [number for number, _ in self._sent]
        messages = [message for _, message in self._sent]
        if sequence in numbers:
            return messages[numbers.index(sequence) + 1 :]
        if sequence == -1 and not self._trimmed:
            return messages
        first = numbers[0] if numbers else (self._sequence + 1) & 0xFFFF
        return messages if self._trimmed and (sequence + 1) & 0xFFFF == first else None
