"""The datagrams of a member's voice client: sealing what the member says, opening what comes, and whose it is. Sans-I/O.

Sound of an SSRC that op 5 has not named yet is kept (bounded) until it does: UDP may be faster than the websocket.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from typing import Final

from bot.audio.frame import FRAME_MS, FRAME_TICKS
from bot.rehearsal.media_wire import (
    KEEPALIVE_BYTES,
    OPUS_PAYLOAD_TYPE,
    SILENCE,
    MediaCipher,
    MediaPacket,
    WireError,
    is_rtcp,
    open_packet,
    seal_packet,
)
from bot.rehearsal.member_ears import Ears, HeardPacket
from bot.rehearsal.member_group import MemberGroup

HELD_PACKETS: Final = 200
FRAME_S: Final = FRAME_MS / 1000


class MemberMedia:
    """`counts` says what was received and what was wrong with it."""

    def __init__(self, user_id: int, group: MemberGroup) -> None:
        self.ears = Ears()
        self.counts: Counter[str] = Counter()
        self.ssrc = 0
        self.cipher: MediaCipher | None = None
        self._group = group
        self._users: dict[int, int] = {}  # SSRC → user
        self._held: deque[tuple[MediaPacket, float]] = deque(maxlen=HELD_PACKETS)
        chance = random.Random(user_id)
        self._sequence, self._timestamp = chance.randrange(1 << 16), chance.randrange(1 << 32)
        self._sent_at: float | None = None

    # ------------------------------------------------------------------ hearing

    def receive(self, data: bytes, now: float) -> None:
        if len(data) == KEEPALIVE_BYTES:
            self.counts["keepalives"] += 1
        elif is_rtcp(data):
            self.counts["rtcp"] += 1
        elif self.cipher is not None:
            self._open(self.cipher, data, now)

    def _open(self, cipher: MediaCipher, data: bytes, now: float) -> None:
        try:
            packet = open_packet(cipher, data)
        except WireError as error:
            self.counts[str(error)] += 1
            return
        if packet.payload_type != OPUS_PAYLOAD_TYPE:
            self.counts["not opus"] += 1
        elif not packet.payload:
            self.counts["padding only"] += 1
        elif packet.ssrc in self._users:
            self._hear(self._users[packet.ssrc], packet, now)
        else:
            self._held.append((packet, now))

    def map_ssrc(self, ssrc: int, user_id: int) -> None:
        """Op 5: what was kept of that SSRC is heard now, at the time it came."""
        self._users[ssrc] = user_id
        held, self._held = self._held, deque(maxlen=HELD_PACKETS)
        for packet, arrived_at in held:
            if packet.ssrc in self._users:
                self._hear(self._users[packet.ssrc], packet, arrived_at)
            else:
                self._held.append((packet, arrived_at))

    def _hear(self, user_id: int, packet: MediaPacket, arrived_at: float) -> None:
        opus = self._group.decrypt(user_id, packet.payload)
        if opus is not None:
            self.counts["heard"] += 1
            self.ears.take(user_id, HeardPacket(packet.ssrc, packet.sequence, packet.timestamp, opus, arrived_at))

    # ------------------------------------------------------------------ speaking

    def resume(self, now: float) -> None:
        """Before speech: in pauses the timestamp of an official client goes on, the sequence number does not."""
        if self._sent_at is not None:
            frames = max(0, round((now - self._sent_at) / FRAME_S) - 1)
            self._timestamp = (self._timestamp + frames * FRAME_TICKS) & 0xFFFFFFFF

    def seal(self, opus: bytes, now: float) -> bytes | None:
        """The datagram of the next 20 ms; None while the others could not understand it."""
        payload = opus if opus == SILENCE else self._group.encrypt(opus)
        packet = MediaPacket(self.ssrc, self._sequence, self._timestamp, OPUS_PAYLOAD_TYPE, payload or b"")
        self._timestamp = (self._timestamp + FRAME_TICKS) & 0xFFFFFFFF
        self._sent_at = now
        if payload is None or self.cipher is None:
            self.counts["not sent"] += 1
            return None
        self._sequence = (self._sequence + 1) & 0xFFFF
        return seal_packet(self.cipher, packet)
