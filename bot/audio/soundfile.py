"""Sound files: any format is read (FFmpeg, through PyAV), 16-bit WAV is written. A shell: it touches the disk and blocks."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from bot.audio.frame import BYTES_PER_SAMPLE, MODEL_RATE_HZ
from bot.audio.resample import Samples, resample
from bot.errors import AudioError


def read_sound(path: Path | str, rate_hz: int = MODEL_RATE_HZ) -> Samples:
    """The first audio track of a file as mono int16 at `rate_hz`; several channels become one.

    Raises:
        AudioError: the file is missing, is not sound, or is damaged.
    """
    try:
        pcm, from_hz = _decode(str(path))
    except (FFmpegError, OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise AudioError(f"{path} cannot be read as sound: {reason}") from None
    return resample(pcm, from_hz, rate_hz)


def write_wav(path: Path | str, channels: Sequence[Samples], rate_hz: int = MODEL_RATE_HZ) -> None:
    """Write int16 arrays as the channels of one WAV file; shorter ones end in silence.

    Raises:
        AudioError: there is no channel, or the file cannot be written.
    """
    if not channels:
        raise AudioError(f"{path}: a sound file needs at least one channel")
    woven = np.zeros((max(len(channel) for channel in channels), len(channels)), dtype="<i2")
    for column, channel in enumerate(channels):
        woven[: len(channel), column] = channel
    try:
        # Opened here: `wave` leaves a half-made writer behind when it is the one that fails.
        with open(path, "wb") as disk, wave.open(disk, "wb") as file:
            file.setnchannels(len(channels))
            file.setsampwidth(BYTES_PER_SAMPLE)
            file.setframerate(rate_hz)
            file.writeframes(woven.tobytes())
    except OSError as error:
        raise AudioError(f"{path} cannot be written: {error.strerror}") from None


def _decode(path: str) -> tuple[Samples, int]:
    """Mono int16 at the file's own rate. Raises what PyAV and the system raise, ValueError for a file without sound."""
    with av.open(path, metadata_errors="ignore") as container:
        if not container.streams.audio:
            raise ValueError("it has no audio track")
        rate_hz = container.streams.audio[0].rate
        to_mono = av.AudioResampler(format="s16", layout="mono", rate=rate_hz)
        parts = [
            part.to_ndarray().reshape(-1)
            for frame in (*container.decode(audio=0), None)  # None: what the converter still holds
            for part in to_mono.resample(frame)
        ]
    if not parts:
        raise ValueError("its audio track is empty")
    return np.concatenate(parts).astype(np.int16, copy=False), rate_hz
