import numpy as np
import pytest

from bot.audio.frame import MODEL_RATE_HZ
from bot.rehearsal.recording import Sound, lay_out, stretches

pytestmark = pytest.mark.core


def tone(duration_s: float, level: int = 5000) -> np.ndarray:
    return np.full(round(duration_s * MODEL_RATE_HZ), level, dtype=np.int16)


def test_sounds_stand_where_they_were_heard_and_overlaps_saturate() -> None:
    track = lay_out([Sound(10.0, tone(1.0, 20000)), Sound(10.5, tone(1.0, 20000))], started_at=9.0, duration_s=3.0)
    assert track[round(0.5 * MODEL_RATE_HZ)] == 0
    assert track[round(1.25 * MODEL_RATE_HZ)] == 20000
    assert track[round(1.75 * MODEL_RATE_HZ)] == 32767
    assert track[round(2.25 * MODEL_RATE_HZ)] == 20000


def test_a_sound_that_began_before_the_recording_or_outlasts_it_is_cut() -> None:
    track = lay_out([Sound(8.5, tone(1.0)), Sound(10.8, tone(1.0))], started_at=9.0, duration_s=2.0)
    assert track[0] == 5000
    assert len(track) == 2 * MODEL_RATE_HZ
    assert track[-1] == 5000


def test_stretches_bridge_short_pauses_only() -> None:
    sounds = [Sound(0.0, tone(0.5)), Sound(0.7, tone(0.5)), Sound(2.0, tone(0.5))]
    assert stretches(lay_out(sounds, 0.0, 3.0)) == [pytest.approx((0.0, 1.2)), pytest.approx((2.0, 2.5))]
