"""Sounds for tests: a tone, and something that codecs take for a voice."""

from __future__ import annotations

import numpy as np

from bot.audio.frame import MODEL_RATE_HZ
from bot.audio.resample import Samples


def tone(frequency_hz: float, duration_ms: float, rate_hz: int = MODEL_RATE_HZ, amplitude: float = 8000.0) -> Samples:
    times = np.arange(round(rate_hz * duration_ms / 1000)) / rate_hz
    samples: Samples = np.round(amplitude * np.sin(2 * np.pi * frequency_hz * times)).astype(np.int16)
    return samples


def voice(duration_ms: float, rate_hz: int = MODEL_RATE_HZ, seed: int = 1) -> Samples:
    """Harmonics of a gliding pitch in three syllables a second, over a little noise."""
    times = np.arange(round(rate_hz * duration_ms / 1000)) / rate_hz
    phase = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.7 * times)) / rate_hz
    harmonics = sum((np.sin(k * phase) / k for k in range(1, 25)), start=np.zeros(len(times)))
    syllables = np.sqrt(np.clip(np.sin(2 * np.pi * 3 * times), 0, 1))
    noise = np.random.default_rng(seed).normal(0, 30, len(times))
    samples: Samples = np.clip(4000 * harmonics * syllables + noise, -32768, 32767).astype(np.int16)
    return samples


def frames(samples: Samples, rate_hz: int = MODEL_RATE_HZ) -> list[bytes]:
    """Whole frames of 20 ms; a rest is left out."""
    size = rate_hz // 50
    return [samples[start : start + size].astype("<i2").tobytes() for start in range(0, len(samples) - size + 1, size)]


def peak_hz(pcm: bytes, rate_hz: int = MODEL_RATE_HZ) -> float:
    """The loudest frequency."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 4 * len(samples)))
    return float(np.argmax(spectrum)) * rate_hz / (4 * len(samples))
