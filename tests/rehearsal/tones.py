"""Sounds that a test can tell apart after two codecs: pure tones, and which of some tones sounds loudest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bot.audio.frame import MODEL_RATE_HZ
from bot.audio.opus import OpusDecoder
from bot.rehearsal.member_voice import MemberVoice


def tone(frequency_hz: float, duration_s: float, amplitude: float = 0.3) -> NDArray[np.int16]:
    times = np.arange(round(duration_s * MODEL_RATE_HZ)) / MODEL_RATE_HZ
    return (amplitude * 32767 * np.sin(2 * np.pi * frequency_hz * times)).astype(np.int16)


def said(listener: MemberVoice, user_id: int, since: float = 0.0) -> NDArray[np.int16]:
    """What has come of a speaker since then, end to end: the sound itself, however the network hurried or halted."""
    decoder = OpusDecoder(MODEL_RATE_HZ)
    packets = [packet for packet in listener.ears.packets(user_id) if packet.arrived_at >= since]
    sound = b"".join(decoder.decode(packet.opus) for packet in packets if not packet.is_silence)
    return np.frombuffer(sound, dtype="<i2").astype(np.int16)


def strength(sound: NDArray[np.int16], frequency_hz: float) -> float:
    """Amplitude (0 to 1) of that frequency within 20 Hz, over the part of `sound` that is not silent."""
    heard = sound[np.abs(sound) > 0].astype(np.float64) / 32767
    if len(heard) < MODEL_RATE_HZ // 10:
        return 0.0
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) * 4 / len(heard)
    frequencies = np.fft.rfftfreq(len(heard), 1 / MODEL_RATE_HZ)
    return float(spectrum[np.abs(frequencies - frequency_hz) < 20].max())


def sounding_s(sound: NDArray[np.int16], threshold: int = 500) -> float:
    """Seconds of it that are loud, in windows of 20 ms."""
    window = MODEL_RATE_HZ // 50
    windows = sound[: len(sound) // window * window].astype(np.float64).reshape(-1, window)
    return float((np.sqrt((windows**2).mean(axis=1)) > threshold).sum() / 50)
