"""What a voice server does with datagrams: discovery, keepalives, and forwarding sound between members. Sans-I/O.

A datagram of a member is opened with that member's key, and its payload (end-to-end encrypted; never looked into) is
sealed anew for everyone else in the channel, dressed as real servers dress it: 8-byte extension bodies, padding on some
packets, bursts of packets that are padding only (they take sequence numbers), RTCP in between.

What a client does wrong is counted in its `MediaSession.counts`; `FAULTS` names those that a correct client never causes.
"""

from __future__ import annotations

import random
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from bot.rehearsal.impairment import Impairment
from bot.rehearsal.media_wire import (
    KEEPALIVE_BYTES,
    OPUS_PAYLOAD_TYPE,
    PING,
    PONG,
    SILENCE,
    MediaCipher,
    MediaPacket,
    WireError,
    discovered_ssrc,
    discovery_response,
    is_rtcp,
    open_packet,
    seal_packet,
    seal_sender_report,
)

Address = tuple[str, int]
NONCES_KEPT: Final = 1_024
VIDEO_PAYLOAD_TYPE: Final = 101
PREMATURE_LIMIT: Final = 25
"""So many packets may overtake the op 5 that precedes them: two paths, no order between them. Half a second of sound."""

FAULTS: Final = (
    "short", "version", "forged", "extension", "padding", "payload type", "wrong ssrc", "nonce reused",
    "before op 5", "before session", "stray",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Send `data` to `address` at `due` (seconds on the caller's clock)."""

    due: float
    address: Address
    data: bytes


@dataclass
class Dress:
    """How forwarded packets look. Off: `Dress(extension=False, padded_share=0, burst_share=0, report_every=0)`."""

    seed: int = 0
    extension: bool = True
    padded_share: float = 0.1
    burst_share: float = 0.5  # of the edges where a speaker's client falls silent
    burst_packets: int = 12
    report_every: int = 250


@dataclass(eq=False)
class MediaSession:
    """The media side of one member's voice session."""

    user_id: int
    ssrc: int
    cipher: MediaCipher | None = None
    address: Address | None = None
    has_spoken: bool = False  # has sent op 5: required before sending or receiving
    is_deaf: bool = False
    is_mute: bool = False
    last_packet_at: float = float("-inf")
    up: Impairment = field(default_factory=Impairment)
    down: Impairment = field(default_factory=Impairment)
    counts: Counter[str] = field(default_factory=Counter)
    keepalives_at: list[float] = field(default_factory=list)
    shifts: Counter[int] = field(default_factory=Counter)  # speaker's SSRC → sequence numbers that padding took
    nonces: OrderedDict[bytes, int] = field(default_factory=OrderedDict)
    was_silent: bool = True

    def faults(self) -> dict[str, int]:
        return {name: self.counts[name] for name in FAULTS if self.counts[name]}


class MediaRelay:
    """All media of one voice server.

    `peers(session)` are the others in its channel; `introduce(listener, speaker)` is called before a packet is forwarded
    (the op 5 of first sound); `refuse(session)` when somebody sends sound without ever having sent op 5.
    """

    def __init__(
        self,
        peers: Callable[[MediaSession], Iterable[MediaSession]],
        introduce: Callable[[MediaSession, MediaSession], None],
        refuse: Callable[[MediaSession], None],
        dress: Dress,
        idle_s: float = 300.0,
    ) -> None:
        self._peers = peers
        self._introduce = introduce
        self._refuse = refuse
        self._dress = dress
        self._random = random.Random(dress.seed)
        self.idle_s = idle_s
        self.echoes_keepalives = True
        self.answers_discovery = True
        self.counts: Counter[str] = Counter()
        self._by_ssrc: dict[int, MediaSession] = {}
        self._by_address: dict[Address, MediaSession] = {}

    def add(self, session: MediaSession) -> None:
        self._by_ssrc[session.ssrc] = session

    def remove(self, session: MediaSession) -> None:
        self._by_ssrc.pop(session.ssrc, None)
        if session.address is not None and self._by_address.get(session.address) is session:
            del self._by_address[session.address]

    def receive(self, data: bytes, address: Address, now: float) -> list[Outgoing]:
        """A datagram from the wire. Not every one has an owner: it is impaired only if it has."""
        ssrc = discovered_ssrc(data)
        session = self._by_ssrc.get(ssrc) if ssrc is not None else self._by_address.get(address)
        if session is None:
            self.counts["stray"] += 1
            return []
        out: list[Outgoing] = []
        for due, datagram in session.up.plan(data, now):
            out += self._accept(session, datagram, address, due)
        return out

    def _accept(self, session: MediaSession, data: bytes, address: Address, now: float) -> list[Outgoing]:
        session.last_packet_at = max(session.last_packet_at, now)
        if discovered_ssrc(data) == session.ssrc:
            return self._discover(session, address, now)
        if session.address is None:
            session.counts["before discovery"] += 1
            return []
        if len(data) == KEEPALIVE_BYTES:
            return self._keepalive(session, data, now)
        if is_rtcp(data):
            session.counts["rtcp"] += 1
            return []
        packet = self._open(session, data)
        if packet is None or not packet.payload or not self._may_speak(session):
            return []
        return self._forward(session, packet, now)

    def _discover(self, session: MediaSession, address: Address, now: float) -> list[Outgoing]:
        session.counts["discoveries"] += 1
        if not self.answers_discovery:
            return []
        if session.address is not None:
            self._by_address.pop(session.address, None)
        session.address = address
        self._by_address[address] = session
        return self._send(session, discovery_response(session.ssrc, address), now)

    def _keepalive(self, session: MediaSession, data: bytes, now: float) -> list[Outgoing]:
        session.counts["keepalives"] += 1
        session.keepalives_at.append(now)
        del session.keepalives_at[:-NONCES_KEPT]
        if not self.echoes_keepalives:
            return []
        is_ping = int.from_bytes(data[:4], "big") == PING
        return self._send(session, PONG.to_bytes(4, "big") + data[4:] if is_ping else data, now)

    def _open(self, session: MediaSession, data: bytes) -> MediaPacket | None:
        if session.cipher is None:
            session.counts["before session"] += 1
            return None
        try:
            packet = open_packet(session.cipher, data)
        except WireError as error:
            session.counts[str(error)] += 1
            return None
        if packet.payload_type != OPUS_PAYLOAD_TYPE:
            session.counts["payload type"] += 1
            return None
        if packet.ssrc != session.ssrc:
            session.counts["wrong ssrc"] += 1
            return None
        return None if self._is_replay(session, data) else packet

    def _is_replay(self, session: MediaSession, data: bytes) -> bool:
        nonce, digest = data[-4:], hash(data)
        if nonce in session.nonces:
            session.counts["replayed" if session.nonces[nonce] == digest else "nonce reused"] += 1
            return True
        session.nonces[nonce] = digest
        if len(session.nonces) > NONCES_KEPT:
            session.nonces.popitem(last=False)
        session.counts["packets"] += 1
        return False

    def _may_speak(self, session: MediaSession) -> bool:
        """ "You must send at least one Opcode 5 Speaking payload before sending voice data" (voice documentation)."""
        if not session.has_spoken:
            session.counts["premature"] += 1
            if session.counts["premature"] == PREMATURE_LIMIT:
                session.counts["before op 5"] += 1
                self._refuse(session)
            return False
        return not session.is_mute

    def _forward(self, session: MediaSession, packet: MediaPacket, now: float) -> list[Outgoing]:
        is_silent = packet.payload == SILENCE
        falls_silent = is_silent and not session.was_silent
        session.was_silent = is_silent
        out: list[Outgoing] = []
        for listener in self._peers(session):
            if not self._may_hear(listener, now):
                continue
            if not is_silent:
                self._introduce(listener, session)
            out += self._dressed(listener, packet, now)
            if falls_silent and self._random.random() < self._dress.burst_share:
                out += self._padding_burst(listener, packet, now)
        return out

    def _may_hear(self, listener: MediaSession, now: float) -> bool:
        if listener.is_deaf or listener.cipher is None or listener.address is None or not listener.has_spoken:
            return False
        if now - listener.last_packet_at > self.idle_s:  # nothing from it for so long: the path is taken for dead
            listener.counts["idle"] += 1
            return False
        return True

    def _dressed(self, listener: MediaSession, packet: MediaPacket, now: float) -> list[Outgoing]:
        assert listener.cipher is not None
        sequence = (packet.sequence + listener.shifts[packet.ssrc]) & 0xFFFF
        sent = MediaPacket(packet.ssrc, sequence, packet.timestamp, OPUS_PAYLOAD_TYPE, packet.payload)
        padding = 4 * self._random.randint(1, 8) if self._random.random() < self._dress.padded_share else 0
        out = self._send(
            listener,
            seal_packet(listener.cipher, sent, extension=self._extension(packet), padding_bytes=padding),
            now,
        )
        listener.counts["forwarded"] += 1
        if self._dress.report_every and listener.counts["forwarded"] % self._dress.report_every == 0:
            report = seal_sender_report(listener.cipher, packet.ssrc, packet.timestamp, listener.counts["forwarded"])
            out += self._send(listener, report, now)
        return out

    def _padding_burst(self, listener: MediaSession, packet: MediaPacket, now: float) -> list[Outgoing]:
        assert listener.cipher is not None
        out: list[Outgoing] = []
        for _ in range(self._dress.burst_packets):
            listener.shifts[packet.ssrc] += 1
            sequence = (packet.sequence + listener.shifts[packet.ssrc]) & 0xFFFF
            empty = MediaPacket(packet.ssrc, sequence, packet.timestamp, OPUS_PAYLOAD_TYPE, b"")
            size = self._random.randint(1, 255)
            data = seal_packet(listener.cipher, empty, extension=self._extension(packet), padding_bytes=size)
            out += self._send(listener, data, now)
        return out

    def video(self, session: MediaSession, now: float) -> list[Outgoing]:
        """A packet of the member's camera (SSRC + 1, payload type 101) to everyone else: nothing to listen to."""
        out: list[Outgoing] = []
        picture = MediaPacket(session.ssrc + 1, self._random.randrange(1 << 16), 0, VIDEO_PAYLOAD_TYPE, bytes(900))
        for listener in self._peers(session):
            if self._may_hear(listener, now) and listener.cipher is not None:
                out += self._send(listener, seal_packet(listener.cipher, picture), now)
        return out

    def _extension(self, packet: MediaPacket) -> bytes:
        """Audio level (id 1), speaker flags (id 9), transport sequence (id 5), padded to 8 bytes (RFC 8285 4.2)."""
        if not self._dress.extension:
            return b""
        level = 0x7F if packet.payload == SILENCE else 0x80 | 30
        return bytes((0x10, level, 0x90, 0x02, 0x51)) + packet.sequence.to_bytes(2, "big") + b"\0"

    def _send(self, listener: MediaSession, data: bytes, now: float) -> list[Outgoing]:
        assert listener.address is not None
        return [Outgoing(due, listener.address, datagram) for due, datagram in listener.down.plan(data, now)]
