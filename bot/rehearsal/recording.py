"""What sounded in a rehearsal, on one clock: members on the left, the companion on the right.

Sound is placed by the monotonic time at which it was spoken or heard; the recording begins at `started_at`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.audio.frame import MODEL_RATE_HZ

Pcm = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Sound:
    """PCM at 24 kHz that began at `at` (seconds, monotonic)."""

    at: float
    pcm: Pcm

    @property
    def ends_at(self) -> float:
        return self.at + len(self.pcm) / MODEL_RATE_HZ


def lay_out(sounds: list[Sound], started_at: float, duration_s: float) -> Pcm:
    """One track of `duration_s` with every sound at its place; overlaps add up and saturate."""
    track = np.zeros(round(duration_s * MODEL_RATE_HZ), dtype=np.int32)
    for sound in sounds:
        start = round((sound.at - started_at) * MODEL_RATE_HZ)
        first = max(0, -start)
        part = sound.pcm[first : first + max(0, len(track) - max(start, 0))]
        track[max(start, 0) : max(start, 0) + len(part)] += part
    return np.clip(track, -32768, 32767).astype(np.int16)


def stretches(track: Pcm, threshold: int = 300, window_ms: int = 20, bridge_ms: int = 300) -> list[tuple[float, float]]:
    """When somebody speaks: (begin, end) in seconds, pauses up to `bridge_ms` bridged."""
    window = MODEL_RATE_HZ * window_ms // 1000
    usable = track[: len(track) // window * window].astype(np.float64).reshape(-1, window)
    loud = np.sqrt((usable**2).mean(axis=1)) > threshold if len(usable) else np.zeros(0, dtype=bool)
    found: list[tuple[float, float]] = []
    for index in np.flatnonzero(loud):
        begin, end = index * window_ms / 1000, (index + 1) * window_ms / 1000
        if found and begin - found[-1][1] <= bridge_ms / 1000:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found
