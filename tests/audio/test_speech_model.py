"""The acoustic model tells speech from what only sounds loud."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sound import tone

from bot.audio.soundfile import read_sound
from bot.audio.speech_model import CHUNK_BYTES, SpeechModel

pytestmark = pytest.mark.shell

DATA = Path(__file__).parents[1] / "data" / "sound"


def test_a_sentence_is_speech() -> None:
    assert SpeechModel().probability(sentence()) > 0.8


@pytest.mark.parametrize("pcm", [bytes(16 * CHUNK_BYTES), tone(440, 600, 16_000).tobytes()], ids=["silence", "tone"])
def test_silence_and_a_tone_are_not(pcm: bytes) -> None:
    assert SpeechModel().probability(pcm) < 0.5


def test_noise_is_not_speech_however_loud() -> None:
    noise = np.random.default_rng(4).normal(0, 8000, 16_000).clip(-32768, 32767).astype("<i2")
    assert SpeechModel().probability(noise.tobytes()) < 0.5


def test_no_sound_is_no_speech_and_a_part_of_a_chunk_is_enough() -> None:
    model = SpeechModel()
    assert model.probability(b"") == 0.0
    assert 0.0 <= model.probability(bytes(100)) < 0.3


def test_a_reset_model_judges_as_a_new_one() -> None:
    model, fresh = SpeechModel(), SpeechModel()
    model.probability(sentence())
    model.reset()
    quiet = bytes(4 * CHUNK_BYTES)
    assert model.probability(quiet) == pytest.approx(fresh.probability(quiet))


def sentence() -> bytes:
    """ "Good evening, can you hear me?", spoken by a synthesiser."""
    return read_sound(DATA / "greeting.ogg", 16_000).tobytes()
