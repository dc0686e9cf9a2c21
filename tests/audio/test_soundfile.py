"""Files of sound: what is written is read back, and what is no sound is said in words."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
import pytest
from sound import peak_hz, tone

from bot.audio.resample import Samples, resample
from bot.audio.soundfile import read_sound, write_wav
from bot.errors import AudioError

pytestmark = pytest.mark.shell


def test_what_is_written_is_read_back_to_the_sample(tmp_path: Path) -> None:
    sound = tone(440, 300)
    write_wav(tmp_path / "a.wav", [sound])
    assert np.array_equal(read_sound(tmp_path / "a.wav"), sound)


def test_channels_stand_side_by_side_and_the_shorter_one_ends_in_silence(tmp_path: Path) -> None:
    left, right = np.array([1, 2, 3], dtype=np.int16), np.array([-1], dtype=np.int16)
    write_wav(tmp_path / "stereo.wav", [left, right], 16_000)
    with wave.open(str(tmp_path / "stereo.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 16_000)
        assert np.frombuffer(file.readframes(9), dtype="<i2").tolist() == [1, -1, 2, 0, 3, 0]


def test_a_file_of_any_rate_comes_at_the_rate_asked_for(tmp_path: Path) -> None:
    write_wav(tmp_path / "cd.wav", [tone(1000, 500, 44_100), tone(1000, 500, 44_100)], 44_100)
    sound = read_sound(tmp_path / "cd.wav", 16_000)
    assert len(sound) == pytest.approx(8000, abs=10)
    assert peak_hz(sound.tobytes(), 16_000) == pytest.approx(1000, abs=5)


def test_a_compressed_file_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "speech.ogg"
    encode_ogg(path, tone(600, 1000, 48_000))
    sound = read_sound(path)
    assert len(sound) == pytest.approx(24_000, abs=1500)
    assert peak_hz(sound[6000:18_000].tobytes()) == pytest.approx(600, abs=5)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"none\.wav cannot be read as sound: No such file"):
        read_sound(tmp_path / "none.wav")


@pytest.mark.parametrize("content", [b"", b"this is a letter, not a sound" * 40])
def test_a_file_that_is_no_sound_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "letter.wav").write_bytes(content)
    with pytest.raises(AudioError, match=r"letter\.wav cannot be read as sound"):
        read_sound(tmp_path / "letter.wav")


def test_a_sound_file_without_a_single_sample_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "empty.wav", [np.zeros(0, dtype=np.int16)])
    with pytest.raises(AudioError, match=r"empty\.wav cannot be read as sound"):
        read_sound(tmp_path / "empty.wav")


def test_a_folder_that_is_not_there_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="cannot be written"):
        write_wav(tmp_path / "no" / "a.wav", [tone(440, 20)])
    with pytest.raises(AudioError, match="at least one channel"):
        write_wav(tmp_path / "a.wav", [])


def test_resampling_keeps_pitch_and_length() -> None:
    there = resample(tone(800, 500, 22_050), 22_050, 24_000)
    assert there.dtype == np.int16
    assert len(there) == pytest.approx(12_000, abs=5)
    assert peak_hz(there.tobytes()) == pytest.approx(800, abs=5)


def test_resampling_to_the_same_rate_or_of_nothing_changes_nothing() -> None:
    sound = tone(800, 20)
    assert resample(sound, 24_000, 24_000) is sound
    assert len(resample(sound[:0], 24_000, 16_000)) == 0


def encode_ogg(path: Path, samples: Samples) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = 48_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
