"""Order and timeline of one stream: against an oracle that knows what was sent, lost, and when it arrived."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.voice.events import Origin
from bot.voice.jitter import REMEMBERED_GAPS, JitterBuffer, Slot

pytestmark = pytest.mark.core

TOC = {10: b"\xf0", 20: b"\xf8", 40: b"\x10", 60: b"\x18", 120: b"\x19"}
"""First bytes of packets of so many milliseconds (RFC 6716 3.1)."""


def opus(index: int, duration_ms: int = 20) -> bytes:
    return TOC[duration_ms] + index.to_bytes(4, "big") + b"\0"


def index_of(payload: bytes) -> int:
    return int.from_bytes(payload[1:5], "big")


@dataclass
class Stream:
    """A sender's packets and a buffer that gets them; what comes out is kept."""

    duration_ms: int = 20
    sequence: int = 65_500
    timestamp: int = 2**32 - 30_000
    buffer: JitterBuffer = field(default_factory=JitterBuffer)
    now: float = 50.0
    out: list[Slot] = field(default_factory=list)

    def packet(self, index: int) -> tuple[int, int, bytes]:
        sequence = (self.sequence + index) & 0xFFFF
        timestamp = (self.timestamp + index * self.duration_ms * 48) & 0xFFFFFFFF
        return sequence, timestamp, opus(index, self.duration_ms)

    def arrive(self, *indices: int) -> list[Slot]:
        return self.push(*(self.packet(index) for index in indices))

    def push(self, *packets: tuple[int, int, bytes | None]) -> list[Slot]:
        slots = [slot for packet in packets for slot in self.buffer.push(*packet, self.now)]
        self.out += slots
        return slots

    def expire(self, after_ms: float) -> list[Slot]:
        self.now += after_ms / 1000
        slots = self.buffer.expire(self.now)
        self.out += slots
        return slots


def heard(slots: list[Slot]) -> list[int]:
    return [index_of(slot.payload) for slot in slots if slot.origin is Origin.HEARD]


def made_up_ms(slots: list[Slot], *origins: Origin) -> float:
    return sum(slot.duration_ms for slot in slots if slot.origin in (origins or tuple(Origin)))


# ---------------------------------------------------------------------------- examples


def test_packets_in_order_leave_at_once() -> None:
    stream = Stream()
    for index in range(200):  # across both wraps
        assert heard(stream.arrive(index)) == [index]
    assert stream.buffer.deadline is None
    assert made_up_ms(stream.out) == 0


def test_a_packet_that_overtook_another_waits_for_it() -> None:
    stream = Stream()
    assert heard(stream.arrive(0)) == [0]
    assert stream.arrive(2) == []
    assert heard(stream.arrive(1)) == [1, 2]
    assert (stream.buffer.lost, stream.buffer.late) == (0, 0)


def test_a_gap_is_given_up_after_forty_milliseconds() -> None:
    stream = Stream()
    stream.arrive(0, 2)
    assert stream.buffer.deadline == pytest.approx(50.040)
    assert stream.expire(39) == []
    slots = stream.expire(1.001)
    assert [slot.origin for slot in slots] == [Origin.RECOVERED, Origin.HEARD]
    assert slots[0] == Slot(Origin.RECOVERED, opus(2), 20.0)
    assert stream.buffer.lost == 1


def test_a_gap_is_given_up_when_a_third_packet_would_have_to_wait() -> None:
    stream = Stream()
    stream.arrive(0)
    assert stream.arrive(2, 3) == []
    slots = stream.arrive(4)
    assert [slot.origin for slot in slots] == [Origin.RECOVERED, *[Origin.HEARD] * 3]


def test_the_wait_is_counted_from_the_first_packet_that_had_to() -> None:
    stream = Stream()
    stream.arrive(0, 3)
    stream.expire(30)
    assert stream.arrive(2) == []
    assert heard(stream.expire(11)) == [2, 3]


def test_what_was_given_up_is_remembered_for_a_while_only() -> None:
    stream = Stream()
    for index in range(0, 2000, 2):
        stream.arrive(index)
        stream.expire(41)
    assert stream.buffer.lost == 999
    assert len(stream.buffer._given_up) == REMEMBERED_GAPS


def test_a_long_gap_is_concealed_for_a_tenth_of_a_second_then_silent_then_recovered() -> None:
    stream = Stream()
    stream.arrive(0, 11)
    slots = stream.expire(41)
    assert made_up_ms(slots, Origin.CONCEALED) == 100
    assert made_up_ms(slots, Origin.SILENCE) == 80
    assert made_up_ms(slots, Origin.RECOVERED) == 20
    assert [slot.origin for slot in slots][-2:] == [Origin.RECOVERED, Origin.HEARD]
    assert max(slot.duration_ms for slot in slots) == 20


@pytest.mark.parametrize("duration_ms", TOC)
def test_the_length_of_a_gap_is_told_by_timestamps_for_packets_of_any_length(duration_ms: int) -> None:
    stream = Stream(duration_ms)
    stream.arrive(0, 3)
    slots = stream.expire(41)
    assert made_up_ms(slots) == 2 * duration_ms
    assert made_up_ms(slots, Origin.RECOVERED) == duration_ms


def test_a_timestamp_that_jumps_without_a_gap_is_a_pause_and_gets_nothing() -> None:
    stream = Stream()
    stream.arrive(0, 1)
    sequence, timestamp, payload = stream.packet(2)
    assert stream.push((sequence, timestamp + 48 * 700, payload)) == [Slot(Origin.HEARD, payload)]
    assert stream.buffer.resyncs == 0


def test_a_packet_lost_before_a_pause_costs_its_own_length_and_not_the_pause() -> None:
    stream = Stream()
    stream.arrive(0, 1)
    sequence, timestamp, payload = stream.packet(3)
    stream.push((sequence, timestamp + 48 * 800, payload))
    assert made_up_ms(stream.expire(41)) == 20


def test_padding_counts_as_received() -> None:
    stream = Stream()
    stream.arrive(0)
    for index in range(1, 51):  # a burst, as some servers send
        sequence, timestamp, _ = stream.packet(0)
        assert stream.push(((sequence + index) & 0xFFFF, timestamp, b"")) == []
    sequence, timestamp, _ = stream.packet(51)
    assert stream.push((sequence, timestamp, opus(51))) == [Slot(Origin.HEARD, opus(51))]
    assert (stream.buffer.lost, stream.buffer.resyncs) == (0, 0)


def test_a_lost_packet_of_padding_leaves_no_hole_to_fill() -> None:
    stream = Stream()
    stream.arrive(0)
    sequence, timestamp, _ = stream.packet(1)
    stream.push(((sequence + 1) & 0xFFFF, timestamp, opus(1)))  # what stood between had no sound
    assert stream.expire(41) == [Slot(Origin.HEARD, opus(1))]
    assert stream.buffer.lost == 1


def test_padding_between_a_loss_and_the_next_sound_does_not_hide_the_loss() -> None:
    stream = Stream()
    stream.arrive(0)
    sequence, timestamp, payload = stream.packet(2)
    stream.push((sequence, timestamp, b""))  # 1 is missing, 2 is padding
    assert stream.expire(41) == []
    slots = stream.push(((sequence + 1) & 0xFFFF, timestamp, payload))
    assert [slot.origin for slot in slots] == [Origin.RECOVERED, Origin.HEARD]


def test_a_packet_that_could_not_be_decrypted_is_a_gap_that_nobody_waits_for() -> None:
    stream = Stream()
    stream.arrive(0)
    sequence, timestamp, _ = stream.packet(1)
    assert stream.push((sequence, timestamp, None)) == []
    slots = stream.arrive(2)
    assert [slot.origin for slot in slots] == [Origin.RECOVERED, Origin.HEARD]
    assert stream.buffer.lost == 0


def test_what_failed_before_the_first_sound_is_not_made_up() -> None:
    stream = Stream()
    for index in range(7):  # as every join begins
        sequence, timestamp, _ = stream.packet(index)
        assert stream.push((sequence, timestamp, None)) == []
    assert [slot.origin for slot in stream.arrive(7)] == [Origin.HEARD]


def test_a_late_packet_is_dropped_and_told_from_a_duplicate() -> None:
    stream = Stream()
    stream.arrive(0, 2)
    stream.expire(41)
    assert stream.arrive(1) == []
    assert stream.arrive(1) == []
    assert stream.arrive(2) == []
    assert (stream.buffer.late, stream.buffer.duplicate) == (1, 2)


def test_a_duplicate_of_a_waiting_packet_is_dropped() -> None:
    stream = Stream()
    stream.arrive(0, 2, 2)
    assert heard(stream.arrive(1)) == [1, 2]
    assert stream.buffer.duplicate == 1


def test_what_preceded_the_first_packet_is_late() -> None:
    stream = Stream()
    stream.arrive(5)
    assert stream.arrive(4) == []
    assert (stream.buffer.late, stream.buffer.duplicate) == (1, 0)


def test_a_jump_of_more_than_fifty_packets_is_a_new_beginning() -> None:
    stream = Stream()
    stream.arrive(0)
    assert stream.arrive(52) == [Slot(Origin.HEARD, opus(52), 0.0, is_fresh=True)]
    assert (stream.buffer.resyncs, stream.buffer.lost) == (1, 0)
    assert heard(stream.arrive(53)) == [53]


def test_a_gap_of_fifty_packets_is_still_a_gap() -> None:
    stream = Stream()
    stream.arrive(0, 51)
    assert made_up_ms(stream.expire(41)) == 1000
    assert stream.buffer.resyncs == 0


def test_what_waits_at_a_jump_is_heard_before_it() -> None:
    stream = Stream()
    stream.arrive(0, 2)
    slots = stream.arrive(200)
    assert heard(slots) == [2, 200]
    assert [slot.is_fresh for slot in slots] == [False, False, True]


def test_more_than_a_second_lost_is_a_new_beginning_with_nothing_made_up() -> None:
    stream = Stream(duration_ms=60)
    stream.arrive(0, 19)
    slots = stream.expire(41)
    assert slots == [Slot(Origin.HEARD, opus(19, 60), 0.0, is_fresh=True)]
    assert stream.buffer.resyncs == 1


def test_a_single_packet_from_long_ago_changes_nothing() -> None:
    stream = Stream()
    stream.arrive(*range(100))
    assert stream.arrive(3) == []
    assert heard(stream.arrive(100)) == [100]
    assert stream.buffer.resyncs == 0


def test_packets_from_long_ago_between_those_of_now_are_no_new_beginning() -> None:
    stream = Stream()
    stream.arrive(*range(100))
    assert stream.arrive(3) == []
    assert heard(stream.arrive(100)) == [100]
    assert stream.arrive(4) == []
    assert stream.arrive(102) == []  # out of order, and of now
    assert stream.arrive(5) == []
    assert heard(stream.arrive(101)) == [101, 102]
    assert stream.buffer.resyncs == 0


def test_a_sender_that_starts_over_is_followed_at_its_second_packet() -> None:
    stream = Stream()
    stream.arrive(*range(100))
    restarted = Stream(sequence=stream.sequence - 9000, timestamp=12345)
    assert stream.push(restarted.packet(0)) == []
    slots = stream.push(restarted.packet(1))
    assert heard(slots) == [0, 1]
    assert slots[0].is_fresh
    assert heard(stream.push(restarted.packet(2))) == [2]


def test_a_timestamp_off_the_grain_of_opus_is_rounded_down_to_it() -> None:
    stream = Stream()
    stream.arrive(0)
    sequence, timestamp, payload = stream.packet(2)
    stream.push((sequence, timestamp - 55, payload))
    assert made_up_ms(stream.expire(41)) == 17.5


def test_a_timestamp_that_runs_backwards_over_a_gap_gets_nothing() -> None:
    stream = Stream()
    stream.arrive(0)
    sequence, timestamp, payload = stream.packet(2)
    stream.push((sequence, timestamp - 48 * 500, payload))
    assert stream.expire(41) == [Slot(Origin.HEARD, payload)]


# ---------------------------------------------------------------------------- against the oracle


@dataclass
class Link:
    """A network by seed: what arrives when. Times are milliseconds since the first packet was sent."""

    loss: float
    jitter_ms: float
    duplicates: float
    seed: int

    def arrivals(self, count: int, duration_ms: int) -> list[tuple[float, int]]:
        chance = random.Random(self.seed)
        arrivals = []
        for index in range(count):
            if index not in (0, count - 1) and chance.random() < self.loss:
                continue
            for _ in range(2 if chance.random() < self.duplicates else 1):
                delay = chance.random() * self.jitter_ms if index else 0.0
                arrivals.append((index * duration_ms + delay, index))
        return sorted(arrivals)


LINKS = st.builds(
    Link,
    loss=st.sampled_from([0.0, 0.02, 0.05, 0.1, 0.3]),
    jitter_ms=st.sampled_from([0.0, 15.0, 45.0, 90.0]),
    duplicates=st.sampled_from([0.0, 0.1]),
    seed=st.integers(0, 2**32),
)


@settings(deadline=None, max_examples=120)
@given(
    link=LINKS,
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 2**32 - 1),
    duration_ms=st.sampled_from([10, 20, 40, 60]),
)
def test_order_is_strict_nothing_is_said_twice_and_no_tick_of_the_timeline_is_missing(
    link: Link, sequence: int, timestamp: int, duration_ms: int
) -> None:
    count = 120
    stream = Stream(duration_ms, sequence, timestamp, now=0.0)
    arrived: set[int] = set()
    waits: list[float] = []
    for at_ms, index in link.arrivals(count, duration_ms):
        # The tick runs every 5 ms between arrivals.
        while stream.now < at_ms / 1000 - 0.005:
            stream.expire(5)
            waits.append(_longest_wait(stream))
        stream.now = at_ms / 1000
        stream.arrive(index)
        arrived.add(index)
        last = heard(stream.out)[-1]
        assert len([index for index in arrived if index > last]) <= 2, "more than two packets held"
    stream.expire(100)
    order = heard(stream.out)
    assert order == sorted(set(order))
    assert set(order) <= arrived
    assert order[0] == 0
    # Every packet that is not heard was lost or came too late, and its time is made up to the tick.
    total_ms = len(order) * duration_ms + made_up_ms(stream.out)
    assert total_ms == (order[-1] + 1) * duration_ms
    assert max(waits, default=0.0) <= 0.046
    assert _longest_concealment_ms(stream.out) <= 100
    assert stream.buffer.lost == order[-1] + 1 - len(order)


@pytest.mark.parametrize("loss", [0.02, 0.05, 0.1])
def test_random_loss_drops_no_more_than_the_network_did(loss: float) -> None:
    count = 5000
    stream = Stream()
    arrivals = Link(loss, 0.0, 0.0, seed=7).arrivals(count, 20)
    for at_ms, index in arrivals:
        stream.now = at_ms / 1000
        stream.arrive(index)
    stream.expire(41)
    assert heard(stream.out) == [index for _, index in arrivals]
    assert len(heard(stream.out)) * 20 + made_up_ms(stream.out) == count * 20


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_reordering_within_the_wait_costs_nothing(seed: int) -> None:
    stream, chance = Stream(), random.Random(seed)
    for start in range(1, 300, 3):
        block = [start, start + 1, start + 2]
        chance.shuffle(block)
        if start == 1:
            stream.arrive(0)
        stream.arrive(*block)
    assert heard(stream.out) == list(range(301))
    assert len(stream.out) == 301
    assert stream.buffer.lost == 0


PACKETS = st.tuples(
    st.integers(0, 0xFFFF) | st.integers(65_500, 65_535) | st.integers(0, 40),
    st.integers(0, 2**32 - 1) | st.integers(0, 100).map(lambda frames: frames * 960),
    st.none() | st.just(b"") | st.binary(min_size=1, max_size=3) | st.just(opus(1)),
)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(PACKETS, st.floats(0, 0.1)), max_size=150))
def test_any_packets_at_all_leave_it_bounded_and_honest(
    arrivals: list[tuple[tuple[int, int, bytes | None], float]],
) -> None:
    buffer, now = JitterBuffer(), 0.0
    pushed = out = 0
    for packet, gap_s in arrivals:
        now += gap_s
        slots = [*buffer.expire(now), *buffer.push(*packet, now)]
        pushed += bool(packet[2])
        out += sum(slot.origin is Origin.HEARD for slot in slots)
        assert all(0 < slot.duration_ms <= 120 for slot in slots if slot.origin is not Origin.HEARD)
        assert len(slots) < 120
        assert len(buffer._held) <= 52
        assert len(buffer._given_up) <= 178
    buffer.expire(now + 1)
    assert buffer.deadline is None
    assert out <= pushed


def _longest_wait(stream: Stream) -> float:
    deadline = stream.buffer.deadline
    return 0.0 if deadline is None else stream.now - (deadline - 0.040)


def _longest_concealment_ms(slots: list[Slot]) -> float:
    longest = run = 0.0
    for slot in slots:
        run = run + slot.duration_ms if slot.origin is Origin.CONCEALED else 0.0
        longest = max(longest, run)
    return longest
