"""Mixing saturates, keeps one source as it is, and ends with the longest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.audio.mix import mix

pytestmark = pytest.mark.core

PCM = st.lists(st.integers(-32768, 32767), max_size=40).map(lambda values: np.array(values, dtype="<i2").tobytes())
GAIN = st.floats(0, 4, width=32)


def pcm(*values: int) -> bytes:
    return np.array(values, dtype="<i2").tobytes()


def test_one_source_at_full_gain_is_not_even_copied() -> None:
    frame = pcm(1, -2, 3)
    assert mix([(frame, 1.0)]) is frame


def test_no_source_is_no_sound() -> None:
    assert mix([]) == b""


def test_loud_sums_saturate_on_both_sides() -> None:
    assert mix([(pcm(30000, -30000), 1.0), (pcm(30000, -30000), 1.0)]) == pcm(32767, -32768)


def test_gain_scales_and_saturates() -> None:
    assert mix([(pcm(100, -100, 20000), 2.0)]) == pcm(200, -200, 32767)


def test_a_shorter_source_ends_in_silence() -> None:
    assert mix([(pcm(1, 2, 3), 1.0), (pcm(10), 1.0)]) == pcm(11, 2, 3)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(PCM, GAIN), max_size=5))
def test_every_sample_is_the_clipped_sum(sources: list[tuple[bytes, float]]) -> None:
    mixed = np.frombuffer(mix(sources), dtype="<i2").astype(int)
    size = max((len(source) // 2 for source, _ in sources), default=0)
    expected = np.zeros(size)
    for source, gain in sources:
        samples = np.frombuffer(source, dtype="<i2")
        expected[: len(samples)] += samples * float(np.float32(gain))
    assert len(mixed) == size
    assert np.all(np.abs(mixed - np.clip(expected, -32768, 32767)) <= 0.5 * len(sources) + 0.1)
