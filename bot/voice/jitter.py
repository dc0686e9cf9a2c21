"""The order and the timeline of one stream, sans-I/O: packets go in as they come, and slots of sound come out as they were said.

It holds nothing back without a reason; a speech model needs order, not pacing. The rules:

1. A packet in order leaves at once. A later one waits for the missing one, for at most 40 ms or two packets, then the gap is given up.
2. How much sound a gap has lost is told by timestamps; a sequence without a gap whose timestamp jumps is a pause, and gets nothing.
3. A given-up gap is filled to the tick: concealment for at most 100 ms, then silence; what just precedes the next packet comes from
   its in-band FEC.
4. A packet of padding only, or one that could not be decrypted, counts as received. The latter's sound is missing all the same.
5. A gap of more than 50 packets or more than 1 s is a new beginning. Towards the past, two packets in a row have to say so, since a
   single one is only very late (RFC 3550 A.1).

Slots say what to do; the decoder that does it is the receiver's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from bot.audio.frame import DISCORD_CLOCK_HZ, FRAME_MS, FRAME_TICKS
from bot.audio.opus import LONGEST_PACKET_MS, OpusError, packet_ms
from bot.voice.events import Origin
from bot.voice.rtp import sequence_distance, timestamp_distance

MAX_HELD: Final = 2
MAX_WAIT_S: Final = 0.040
CONCEAL_MS: Final = 100.0
RESYNC_PACKETS: Final = 50
REMEMBERED_GAPS: Final = 128

TICKS_PER_MS: Final = DISCORD_CLOCK_HZ // 1000
RESYNC_TICKS: Final = DISCORD_CLOCK_HZ
LONGEST_PACKET_TICKS: Final = LONGEST_PACKET_MS * TICKS_PER_MS
STEP_TICKS: Final = DISCORD_CLOCK_HZ // 400
"""2.5 ms, the grain of Opus: a timestamp that is off the grain is rounded down to it."""


class Slot(NamedTuple):
    """The next stretch of a stream.

    `payload` is the packet to decode (HEARD), or the packet whose FEC describes this stretch (RECOVERED). `duration_ms` is how much
    to make up; a HEARD packet knows its own. `is_fresh`: nothing connects this packet with what came before.
    """

    origin: Origin
    payload: bytes = b""
    duration_ms: float = 0.0
    is_fresh: bool = False


class _Held(NamedTuple):
    timestamp: int
    payload: bytes | None
    arrived_at: float


class JitterBuffer:
    """One stream.

    Attributes:
        late: packets that came after their gap was given up.
        duplicate: packets whose sequence number had been received.
        lost: sequence numbers given up; some of them may still come late.
        resyncs: new beginnings.
    """

    __slots__ = (
        "_given_up",
        "_held",
        "_last_payload",
        "_last_timestamp",
        "_next",
        "_soundless",
        "_suspect",
        "duplicate",
        "late",
        "lost",
        "resyncs",
    )

    def __init__(self) -> None:
        self.late = self.duplicate = self.lost = self.resyncs = 0
        self._next = -1  # the sequence number due; -1: nothing has come yet
        self._last_timestamp = 0
        self._last_payload = b""  # of the last packet of sound; empty: there is none to connect with
        self._soundless = 0  # sequence numbers since then whose sound is missing
        self._held: dict[int, _Held] = {}
        self._given_up: dict[int, None] = {}
        self._suspect: tuple[int, _Held] | None = None

    @property
    def deadline(self) -> float | None:
        """When the present gap is given up; None: there is none."""
        return min(held.arrived_at for held in self._held.values()) + MAX_WAIT_S if self._held else None

    def push(self, sequence: int, timestamp: int, payload: bytes | None, now: float) -> list[Slot]:
        """A packet arrived. What can be heard now, in order.

        Args:
            payload: Opus; empty for padding only; None for a packet that could not be decrypted.
            now: seconds, monotonic.
        """
        if sequence == self._next and payload and not self._held and not self._soundless:
            self._next = (sequence + 1) & 0xFFFF
            self._last_timestamp, self._last_payload = timestamp, payload
            self._suspect = None
            return [_make(Slot, (Origin.HEARD, payload, 0.0, False))]
        slots: list[Slot] = []
        self._take(sequence, _Held(timestamp, payload, now), slots)
        self._release(now, slots)
        return slots

    def expire(self, now: float) -> list[Slot]:
        """Time went by: what was waiting for a packet that will not come."""
        if not self._held:
            return []
        slots: list[Slot] = []
        self._release(now, slots)
        return slots

    # ------------------------------------------------------------------------ in

    def _take(self, sequence: int, packet: _Held, slots: list[Slot]) -> None:
        if self._next < 0:
            self._begin(sequence)
        ahead = sequence_distance(sequence, self._next)
        if ahead < -RESYNC_PACKETS:
            self._doubt(sequence, packet, slots)
            return
        self._suspect = None
        if ahead > RESYNC_PACKETS:
            self._begin_again(sequence, slots)
        elif ahead < 0:
            self._count_past(sequence)
            return
        if sequence in self._held:
            self.duplicate += 1
        else:
            self._held[sequence] = packet

    def _count_past(self, sequence: int) -> None:
        if sequence in self._given_up:
            del self._given_up[sequence]  # a second copy of it is a duplicate
            self.late += 1
        else:
            self.duplicate += 1

    def _doubt(self, sequence: int, packet: _Held, slots: list[Slot]) -> None:
        """A packet from long ago, or the first one of a sender that started over: its successor tells."""
        suspect = self._suspect
        if suspect is None or sequence != (suspect[0] + 1) & 0xFFFF:
            self.late += suspect is not None
            self._suspect = (sequence, packet)
            return
        self._begin_again(suspect[0], slots)
        self._held[suspect[0]] = suspect[1]
        self._held[sequence] = packet
        self._suspect = None

    def _begin(self, sequence: int) -> None:
        self._next = sequence
        self._last_payload, self._soundless = b"", 0
        # What preceded the first packet was never received: should it come, it is late, and no duplicate.
        self._given_up = dict.fromkeys((sequence - back) & 0xFFFF for back in range(RESYNC_PACKETS, 0, -1))

    def _begin_again(self, sequence: int, slots: list[Slot]) -> None:
        while self._held:
            self._give_up_gap()
            self._deliver_due(slots)
        self.resyncs += 1
        self._begin(sequence)

    # ------------------------------------------------------------------------ out

    def _release(self, now: float, slots: list[Slot]) -> None:
        self._deliver_due(slots)
        while self._held and self._has_waited(now):
            self._give_up_gap()
            self._deliver_due(slots)

    def _has_waited(self, now: float) -> bool:
        deadline = self.deadline
        # Packets without sound hold nobody up, so they do not count.
        return sum(1 for held in self._held.values() if held.payload) > MAX_HELD or (
            deadline is not None and now >= deadline
        )

    def _give_up_gap(self) -> None:
        first = min(self._held, key=lambda sequence: sequence_distance(sequence, self._next))
        missing = sequence_distance(first, self._next)
        for ahead in range(missing):
            self._given_up[(self._next + ahead) & 0xFFFF] = None
        while len(self._given_up) > REMEMBERED_GAPS:
            del self._given_up[next(iter(self._given_up))]
        self.lost += missing
        self._soundless += missing
        self._next = first

    def _deliver_due(self, slots: list[Slot]) -> None:
        while (held := self._held.pop(self._next, None)) is not None:
            self._next = (self._next + 1) & 0xFFFF
            if held.payload is None:
                self._soundless += 1
            elif held.payload:
                self._deliver(held.timestamp, held.payload, slots)

    def _deliver(self, timestamp: int, payload: bytes, slots: list[Slot]) -> None:
        is_fresh = not self._last_payload
        if self._soundless and not is_fresh:
            missing = timestamp_distance(timestamp, self._last_timestamp) - _ticks(self._last_payload)
            if missing > RESYNC_TICKS:
                self.resyncs += 1
                is_fresh = True
            elif missing >= STEP_TICKS:
                slots.extend(_fill(missing, self._soundless, self._last_payload, payload))
        self._soundless = 0
        self._last_timestamp, self._last_payload = timestamp, payload
        slots.append(Slot(Origin.HEARD, payload, 0.0, is_fresh))


_make = tuple.__new__


def _fill(missing: int, packets: int, before: bytes, after: bytes) -> Iterable[Slot]:
    """Slots for `missing` ticks between two packets with `packets` lost ones between them."""
    after_ticks = _ticks(after)
    if missing > packets * LONGEST_PACKET_TICKS:
        # More than the lost packets can have held: the sender paused there, too. What `after` repeats in its FEC need not be
        # what was lost then, so it is concealed.
        missing, recovered = packets * max(_ticks(before), after_ticks), 0
    else:
        recovered = min(missing, after_ticks)
    missing -= missing % STEP_TICKS
    recovered -= recovered % STEP_TICKS
    concealed = min(missing - recovered, int(CONCEAL_MS) * TICKS_PER_MS)
    yield from _slices(Origin.CONCEALED, concealed)
    yield from _slices(Origin.SILENCE, missing - recovered - concealed)
    if recovered:
        yield Slot(Origin.RECOVERED, after, recovered / TICKS_PER_MS)


def _slices(origin: Origin, ticks: int) -> Iterable[Slot]:
    for start in range(0, ticks, FRAME_TICKS):
        yield Slot(origin, b"", min(FRAME_TICKS, ticks - start) / TICKS_PER_MS)


def _ticks(payload: bytes) -> int:
    try:
        return round(packet_ms(payload) * TICKS_PER_MS)
    except OpusError:  # the decoder will refuse it as well, and a frame is made up in its place
        return FRAME_MS * TICKS_PER_MS
