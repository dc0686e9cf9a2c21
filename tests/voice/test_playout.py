"""What is still to be heard: frames out of writes of any length, and an honest account of every item."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.audio.frame import FRAME_BYTES, FRAME_MS, pcm_bytes
from bot.voice.playout import ItemHeard, Playout, PlayoutBegan, PlayoutEnded

pytestmark = pytest.mark.core


def tone(ms: float, level: int = 1000) -> bytes:
    return np.full(pcm_bytes(ms) // 2, level, dtype="<i2").tobytes()


def read_all(playout: Playout) -> list[bytes]:
    frames = []
    while (frame := playout.read()) is not None:
        frames.append(frame)
    return frames


def test_writes_of_any_length_become_whole_frames() -> None:
    playout = Playout()
    sound = np.arange(pcm_bytes(100) // 2, dtype="<i2").tobytes()
    for start in range(0, len(sound), 7):
        playout.write("a", sound[start : start + 7])
    frames = read_all(playout)
    assert [len(frame) for frame in frames] == [FRAME_BYTES] * 5
    assert b"".join(frames) == sound


def test_half_a_frame_waits_while_the_reply_goes_on() -> None:
    playout = Playout()
    playout.write("a", tone(10))
    assert playout.read() is None
    assert not playout.is_finished
    playout.write("a", tone(10))
    assert playout.read() == tone(20)


def test_finishing_pads_the_last_part_of_a_frame_with_silence() -> None:
    playout = Playout()
    playout.write("a", tone(30))
    playout.finish()
    assert playout.read() == tone(20)
    assert playout.read() == tone(10) + bytes(FRAME_BYTES // 2)
    assert playout.read() is None


def test_the_beginning_and_the_end_of_a_reply_are_told_once() -> None:
    playout = Playout()
    playout.write("a", tone(20))
    playout.write("b", tone(10))
    playout.finish()
    playout.read()
    assert playout.events() == (PlayoutBegan("a", "reply"),)
    playout.read()
    assert playout.events() == (PlayoutBegan("b", "reply"),)
    playout.read()
    assert playout.events() == (PlayoutEnded("reply", (ItemHeard("a", 20, 20), ItemHeard("b", 10, 10))),)
    playout.read()
    assert playout.events() == ()


def test_a_reply_that_runs_dry_has_not_ended() -> None:
    playout = Playout()
    playout.write("a", tone(20))
    read_all(playout)
    playout.events()
    assert playout.read() is None
    assert playout.events() == ()
    assert playout.is_empty
    assert not playout.is_finished


def test_clearing_tells_how_much_of_each_item_was_heard() -> None:
    playout = Playout()
    playout.write("a", tone(40))
    playout.write("b", tone(1000))
    for _ in range(5):
        playout.read()
    assert playout.heard_ms("b") == 60
    assert playout.clear() == (ItemHeard("a", 40, 40), ItemHeard("b", 60, 1000))
    assert playout.read() is None
    assert playout.is_finished
    assert playout.clear() == ()


def test_what_was_heard_is_still_known_after_the_end() -> None:
    playout = Playout()
    playout.write("a", tone(60))
    playout.finish()
    read_all(playout)
    assert playout.heard_ms("a") == 60
    assert playout.heard_ms("never written") == 0


def test_clearing_one_source_leaves_the_other_sounding() -> None:
    playout = Playout()
    playout.write("a", tone(40, 1000))
    playout.write("n", tone(40, 200), source="notice")
    assert playout.read() == tone(20, 1200)
    assert playout.clear("reply") == (ItemHeard("a", 20, 40),)
    assert playout.read() == tone(20, 200)


def test_two_sources_are_mixed_and_saturate() -> None:
    playout = Playout()
    playout.write("a", tone(20, 30_000))
    playout.write("n", tone(20, 30_000), source="notice")
    assert playout.read() == tone(20, 32_767)


def test_one_source_at_full_gain_passes_through_untouched() -> None:
    playout = Playout()
    sound = np.random.default_rng(3).integers(-32768, 32767, FRAME_BYTES // 2, dtype="<i2").tobytes()
    playout.write("a", sound)
    assert playout.read() == sound


def test_a_change_of_gain_ramps_over_one_frame() -> None:
    playout = Playout()
    playout.write("a", tone(60, 10_000))
    playout.read()
    playout.set_gain(0.2)
    ducking = np.frombuffer(playout.read() or b"", dtype="<i2").astype(int)
    assert ducking[0] == 10_000
    assert abs(ducking[-1] - 2_000) <= 1
    assert np.abs(np.diff(ducking)).max() < 25
    assert playout.read() == tone(20, 2_000)


def test_a_gain_set_before_the_first_sound_applies_at_once_and_outlasts_the_reply() -> None:
    playout = Playout()
    playout.set_gain(0.5)
    for item in ("a", "b"):
        playout.write(item, tone(20, 10_000))
        playout.finish()
        assert playout.read() == tone(20, 5_000)
        assert playout.read() is None


def test_a_full_source_refuses_the_newest_sound_and_counts_it() -> None:
    playout = Playout(bound_ms=100)
    assert playout.write("a", tone(80))
    assert not playout.write("a", tone(80, 7))
    assert playout.refused_bytes == pcm_bytes(60)
    playout.finish()
    assert b"".join(read_all(playout)) == tone(80) + tone(20, 7)


def test_minutes_of_flooded_reply_fit_into_the_ordinary_bound() -> None:
    playout = Playout()
    second = tone(1000)
    assert all(playout.write("a", second) for _ in range(600))
    assert not playout.write("a", second)


def test_half_a_sample_waits_for_its_other_half_within_an_item_and_is_dropped_at_its_end() -> None:
    playout = Playout()
    sound = tone(20)
    playout.write("a", sound[:5])
    playout.write("a", sound[5:] + b"\x7f")
    playout.write("b", sound)
    playout.finish()
    assert read_all(playout) == [sound, sound]


def test_writing_after_finish_goes_on_talking() -> None:
    playout = Playout()
    playout.write("a", tone(30))
    playout.finish()
    playout.write("b", tone(10, 5))
    playout.finish()
    assert b"".join(read_all(playout)) == tone(30) + tone(10, 5)


def test_finishing_what_never_began_tells_nothing() -> None:
    playout = Playout()
    playout.finish()
    assert playout.read() is None
    assert playout.events() == ()
    assert playout.is_finished


def test_sound_at_16_khz_is_cut_into_20_ms_too() -> None:
    playout = Playout(rate_hz=16_000)
    playout.write("a", bytes(2 * 640))
    assert len(playout.read() or b"") == 640
    assert playout.heard_ms("a") == FRAME_MS


steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from("abc"), st.integers(0, 3 * FRAME_BYTES)),
        st.tuples(st.just("read"), st.just(""), st.integers(1, 4)),
        st.tuples(st.just("finish"), st.just(""), st.just(0)),
        st.tuples(st.just("clear"), st.just(""), st.just(0)),
    ),
    max_size=40,
)


@given(steps)
@settings(deadline=None, max_examples=200)
def test_every_sample_written_is_heard_or_cleared_and_none_twice(story: list[tuple[str, str, int]]) -> None:
    playout = Playout()
    written_ms: dict[str, float] = {}
    settled: list[ItemHeard] = []
    frames = 0
    for action, item, number in story:
        if action == "write":
            playout.write(item, tone(0) + bytes(number - number % 2))
            written_ms[item] = written_ms.get(item, 0.0) + (number - number % 2) / 48
        elif action == "read":
            before = {name: playout.heard_ms(name) for name in "abc"}
            frames += sum(playout.read() is not None for _ in range(number))
            if not any(isinstance(event, PlayoutEnded) for event in playout.events()):
                assert all(playout.heard_ms(name) >= heard for name, heard in before.items())
        elif action == "finish":
            playout.finish()
            frames += len(read_all(playout))
            settled += [item for event in playout.events() if isinstance(event, PlayoutEnded) for item in event.heard]
        else:
            settled += playout.clear()
        assert playout.waiting_ms >= 0
    settled += playout.clear()
    totals: dict[str, float] = {}
    for heard in settled:
        assert 0 <= heard.heard_ms <= heard.total_ms
        totals[heard.item_id] = totals.get(heard.item_id, 0.0) + heard.total_ms
    assert {name: pytest.approx(ms) for name, ms in written_ms.items() if ms} == totals
    heard_ms = sum(heard.heard_ms for heard in settled)
    # The last frame of each finished reply may be padded; nothing else may be invented or lost.
    padded = sum(action == "finish" for action, _, _ in story)
    assert heard_ms <= frames * FRAME_MS + 1e-6
    assert heard_ms >= (frames - padded) * FRAME_MS - 1e-6
