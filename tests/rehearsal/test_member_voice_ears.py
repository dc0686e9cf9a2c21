"""What a member's ears keep: packets in any order become the sound that was sent, at the time it came."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tones import sounding_s, strength, tone

from bot.audio.frame import FRAME_BYTES, FRAME_TICKS
from bot.audio.opus import EncoderProfile, OpusEncoder
from bot.rehearsal.media_wire import SILENCE
from bot.rehearsal.member_ears import Ears, HeardPacket

pytestmark = pytest.mark.core

SPEAKER = 7


def packets(frequency_hz: float, count: int, *, sequence: int, timestamp: int, at: float) -> list[HeardPacket]:
    encoder = OpusEncoder(EncoderProfile.SPEECH)
    pcm = tone(frequency_hz, count * 0.02).tobytes()
    frames = [pcm[start : start + FRAME_BYTES] for start in range(0, len(pcm), FRAME_BYTES)]
    return [
        HeardPacket(
            ssrc=1,
            sequence=(sequence + index) & 0xFFFF,
            timestamp=(timestamp + index * FRAME_TICKS) & 0xFFFFFFFF,
            opus=encoder.encode(frame),
            arrived_at=at + index * 0.02,
        )
        for index, frame in enumerate(frames)
    ]


def ears_of(heard: list[HeardPacket]) -> Ears:
    ears = Ears()
    for packet in heard:
        ears.take(SPEAKER, packet)
    return ears


SENT = packets(500.0, 30, sequence=65_520, timestamp=2**32 - 5 * FRAME_TICKS, at=10.0)
AS_SENT = ears_of(SENT).recording(SPEAKER, 9.5, 11.0)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 29), max_size=10), st.lists(st.integers(0, 28), max_size=8))
def test_duplicates_and_overtaking_change_nothing_that_is_heard(twice: list[int], swapped: list[int]) -> None:
    arrived = [packet for index, packet in enumerate(SENT) for _ in range(1 + twice.count(index))]
    for index in swapped:
        at = 1 + index  # the first stays first: it is what the timeline hangs on
        arrived[at : at + 2] = reversed(arrived[at : at + 2])
    assert np.array_equal(ears_of(arrived).recording(SPEAKER, 9.5, 11.0), AS_SENT)


def test_sound_stands_where_it_arrived_and_nowhere_else() -> None:
    assert not AS_SENT[: 24_000 // 2].any()
    assert sounding_s(AS_SENT[24_000 // 2 : 24_000 * 11 // 10]) == pytest.approx(0.6, abs=0.03)
    assert not AS_SENT[24_000 * 11 // 10 + 480 :].any()
    assert strength(AS_SENT, 500.0) > 0.2


def test_a_window_cuts_sound_at_both_ends() -> None:
    assert np.array_equal(ears_of(SENT).recording(SPEAKER, 10.1, 10.3), AS_SENT[14_400:19_200])


def test_jitter_of_arrival_does_not_move_sound() -> None:
    late = [
        HeardPacket(one.ssrc, one.sequence, one.timestamp, one.opus, one.arrived_at + 0.05 * (index % 3 == 2))
        for index, one in enumerate(SENT)
    ]
    assert np.array_equal(ears_of(late).recording(SPEAKER, 9.5, 11.0), AS_SENT)


def test_what_was_lost_is_silence_of_the_same_length() -> None:
    sound = ears_of(SENT[:10] + SENT[15:]).recording(SPEAKER, 10.0, 10.6)
    assert not sound[10 * 480 : 15 * 480].any()
    assert sound[16 * 480 :].any()


def test_a_sender_whose_timestamps_do_not_jump_is_placed_by_arrival() -> None:
    after_pause = packets(500.0, 10, sequence=65_550 & 0xFFFF, timestamp=25 * FRAME_TICKS, at=15.0)
    ears = ears_of(SENT + after_pause)
    assert not ears.recording(SPEAKER, 11.0, 14.99).any()
    assert sounding_s(ears.recording(SPEAKER, 15.0, 15.3)) > 0.15
    assert [round(begin, 2) for begin, _ in ears.spurts(SPEAKER)] == [10.0, 15.0]


def test_silence_frames_are_not_sound() -> None:
    quiet = HeardPacket(1, 1, 0, SILENCE, 20.0)
    ears = ears_of([*SENT, quiet])
    assert ears.sound_at(SPEAKER) == SENT[-1].arrived_at
    assert len(ears.packets(SPEAKER)) == 31
    assert not ears.recording(SPEAKER, 19.0, 21.0).any()


def test_what_is_no_opus_is_skipped() -> None:
    broken = HeardPacket(1, 65_530, SENT[10].timestamp, b"\xff\xff\xff", SENT[10].arrived_at)
    assert ears_of([*SENT[:10], broken, *SENT[11:]]).recording(SPEAKER, 9.5, 11.0).any()


def test_nobody_is_silence() -> None:
    assert Ears().recording(SPEAKER, 0.0, 1.0).shape == (24_000,)
    assert Ears().sound_at(SPEAKER) is None
    assert Ears().packets(SPEAKER) == []
