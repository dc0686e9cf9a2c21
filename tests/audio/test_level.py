"""Level against full scale, and a noise floor that learns the room."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import tone

from bot.audio.level import FLOOR_HIGHEST_DBFS, FLOOR_LOWEST_DBFS, SILENCE_DBFS, NoiseFloor, level_dbfs

pytestmark = pytest.mark.core


def test_a_full_scale_square_wave_is_at_zero_decibels() -> None:
    assert level_dbfs(np.array([32767, -32768] * 240, dtype="<i2").tobytes()) == pytest.approx(0, abs=0.01)


def test_half_the_amplitude_is_six_decibels_less() -> None:
    loud, soft = (
        level_dbfs(tone(500, 20, amplitude=20000).tobytes()),
        level_dbfs(tone(500, 20, amplitude=10000).tobytes()),
    )
    assert loud - soft == pytest.approx(6.02, abs=0.05)


@pytest.mark.parametrize("pcm", [b"", bytes(960), b"\x01"])
def test_nothing_has_the_level_of_silence(pcm: bytes) -> None:
    assert level_dbfs(pcm) == SILENCE_DBFS


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=400))
def test_a_level_is_never_outside_its_scale(pcm: bytes) -> None:
    assert SILENCE_DBFS <= level_dbfs(pcm) <= 0.001


def test_speech_stands_out_of_a_quiet_room_and_the_room_does_not() -> None:
    floor = NoiseFloor()
    for _ in range(100):
        floor.update(-62.0)
    assert floor.is_speech(-35.0)
    assert not floor.is_speech(-60.0)


def test_a_noisy_room_is_learnt_so_that_its_fan_is_not_speech() -> None:
    floor = NoiseFloor()
    assert floor.is_speech(-42.0)
    for _ in range(50 * 15):
        floor.update(-42.0)
    assert not floor.is_speech(-42.0)
    assert floor.is_speech(-25.0)


def test_five_seconds_of_talk_do_not_become_the_room() -> None:
    floor = NoiseFloor()
    for _ in range(50 * 5):
        floor.update(-25.0)
        assert floor.is_speech(-25.0)


def test_the_floor_falls_within_half_a_second_of_quiet() -> None:
    floor = NoiseFloor()
    for _ in range(50 * 30):
        floor.update(-38.0)
    for _ in range(25):
        floor.update(-60.0)
    assert floor.is_speech(-50.0)


def test_digital_silence_teaches_nothing_about_the_room() -> None:
    floor = NoiseFloor()
    before = floor.dbfs
    floor.update(SILENCE_DBFS)
    assert floor.dbfs == before


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-96, 0), max_size=200))
def test_the_floor_stays_between_its_limits(levels: list[float]) -> None:
    floor = NoiseFloor()
    for level in levels:
        floor.update(level)
        assert FLOOR_LOWEST_DBFS <= floor.dbfs <= FLOOR_HIGHEST_DBFS
