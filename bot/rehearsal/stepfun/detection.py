"""The service's energy detection, on the clock of the sound: 60 ms of it begin an utterance, silence in the stream ends it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from bot.audio.frame import pcm_bytes, pcm_ms

ONSET_MS: Final = 60
THRESHOLD_SHARE: Final = 0.2
"""Of `energy_awakeness_threshold`, as a level."""


@dataclass(frozen=True, slots=True)
class Began:
    at_ms: int


@dataclass(frozen=True, slots=True)
class Ended:
    """`pcm`: all of the utterance, with what came before its onset and the silence after it."""

    at_ms: int
    pcm: bytes


class Detection:
    """One per connection; the settings come with every frame, since they change."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._is_speech = False
        self._speech_ms = 0.0
        self._silence_ms = 0.0
        self._clock_ms = 0.0

    def clear(self) -> None:
        self._pcm.clear()

    def hear(self, frame: bytes, settings: dict[str, Any]) -> Began | Ended | None:
        ms = pcm_ms(len(frame))
        self._clock_ms += ms
        level = float(np.sqrt(np.mean(np.square(np.frombuffer(frame, "<i2").astype(np.float64)))))
        is_loud = level >= settings.get("energy_awakeness_threshold", 2500) * THRESHOLD_SHARE
        self._speech_ms = self._speech_ms + ms if is_loud else 0.0
        self._silence_ms = 0.0 if is_loud else self._silence_ms + ms
        self._pcm += frame
        if self._is_speech:
            return self._end() if self._silence_ms >= settings.get("silence_duration_ms", 100) else None
        del self._pcm[: -pcm_bytes(settings.get("prefix_padding_ms", 500) + ONSET_MS)]
        self._is_speech = self._speech_ms >= ONSET_MS
        return Began(int(self._clock_ms)) if self._is_speech else None

    def _end(self) -> Ended:
        self._is_speech = False
        pcm = bytes(self._pcm)
        self._pcm.clear()
        return Ended(int(self._clock_ms), pcm)
