"""What a member of a scene hears: every packet with its time of arrival, and the sound of it on a timeline.

Packets are kept as they were (Opus, after decryption) and decoded when somebody asks: nothing is concealed, what was lost
is silence. On the timeline a packet stands where its RTP timestamp puts it relative to the first of its stretch; where
arrival and timestamp disagree by more than `RESYNC_S` (pauses of a sender whose timestamps do not jump), it stands where it arrived.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.audio.frame import DISCORD_CLOCK_HZ, MODEL_RATE_HZ
from bot.audio.opus import OpusDecoder, OpusError
from bot.rehearsal.media_wire import SILENCE

RESYNC_S: Final = 0.2
PACKETS_KEPT: Final = 180_000
"""Per speaker: an hour."""

Sound = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class HeardPacket:
    """One packet of a speaker. `arrived_at` in seconds, monotonic."""

    ssrc: int
    sequence: int
    timestamp: int
    opus: bytes
    arrived_at: float

    @property
    def is_silence(self) -> bool:
        return self.opus == SILENCE


class Ears:
    """Everything one member has heard so far, by speaker."""

    def __init__(self) -> None:
        self._packets: dict[int, deque[HeardPacket]] = defaultdict(lambda: deque(maxlen=PACKETS_KEPT))
        self._sound_at: dict[int, float] = {}

    def take(self, user_id: int, packet: HeardPacket) -> None:
        self._packets[user_id].append(packet)
        if not packet.is_silence:
            self._sound_at[user_id] = packet.arrived_at

    @property
    def speakers(self) -> list[int]:
        return list(self._packets)

    def packets(self, user_id: int) -> list[HeardPacket]:
        """In order of arrival, duplicates and all."""
        return list(self._packets[user_id]) if user_id in self._packets else []

    def sound_at(self, user_id: int) -> float | None:
        """When a packet that is not a silence frame last arrived."""
        return self._sound_at.get(user_id)

    def spurts(self, user_id: int, pause_s: float = 0.3) -> list[tuple[float, float]]:
        """Stretches of sound: first and last arrival of packets that are not silence, not more than `pause_s` apart."""
        found: list[tuple[float, float]] = []
        for packet in self.packets(user_id):
            if packet.is_silence:
                continue
            if found and packet.arrived_at - found[-1][1] <= pause_s:
                found[-1] = (found[-1][0], packet.arrived_at)
            else:
                found.append((packet.arrived_at, packet.arrived_at))
        return found

    def recording(self, user_id: int, start: float, end: float) -> Sound:
        """int16 mono at 24 kHz from `start` to `end` (seconds, monotonic); silence where nothing was heard."""
        timeline = np.zeros(max(0, round((end - start) * MODEL_RATE_HZ)), dtype=np.int16)
        for begins_at, pcm in self.placed(user_id):
            at = round((begins_at - start) * MODEL_RATE_HZ)
            skipped, room = max(0, -at), len(timeline) - max(0, at)
            piece = pcm[skipped : skipped + max(0, room)]
            if len(piece) and at < len(timeline):
                timeline[max(0, at) : max(0, at) + len(piece)] = piece
        return timeline

    def placed(self, user_id: int) -> list[tuple[float, Sound]]:
        """Every packet's sound and where it begins on the timeline (seconds, monotonic), in order."""
        decoders: dict[int, OpusDecoder] = {}
        placed: list[tuple[float, Sound]] = []
        anchor: HeardPacket | None = None
        anchor_at = 0.0
        for packet in _in_order(self.packets(user_id)):
            if anchor is not None and packet.ssrc == anchor.ssrc:
                expected = anchor_at + _signed32(packet.timestamp - anchor.timestamp) / DISCORD_CLOCK_HZ
            else:
                expected = packet.arrived_at
            if anchor is None or packet.ssrc != anchor.ssrc or abs(packet.arrived_at - expected) > RESYNC_S:
                expected = packet.arrived_at
            anchor, anchor_at = packet, expected
            if not packet.is_silence:
                decoder = decoders.setdefault(packet.ssrc, OpusDecoder(MODEL_RATE_HZ))
                placed.append((expected, _decode(decoder, packet.opus)))
        return placed


def _decode(decoder: OpusDecoder, opus: bytes) -> Sound:
    try:
        return np.frombuffer(decoder.decode(opus), dtype="<i2").astype(np.int16)
    except OpusError:
        return np.zeros(0, dtype=np.int16)


def _in_order(packets: list[HeardPacket]) -> list[HeardPacket]:
    """By sequence number within each SSRC (which wraps), duplicates left out; SSRCs in order of first arrival."""
    extended: dict[int, dict[int, HeardPacket]] = {}
    newest: dict[int, int] = {}
    for packet in packets:
        last = newest.get(packet.ssrc, packet.sequence)
        number = last + ((packet.sequence - last + 0x8000) & 0xFFFF) - 0x8000
        newest[packet.ssrc] = max(last, number)
        extended.setdefault(packet.ssrc, {}).setdefault(number, packet)
    return [numbered[number] for numbered in extended.values() for number in sorted(numbered)]


def _signed32(difference: int) -> int:
    return ((difference + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
