"""How loud a stretch of sound is, and whether that is more than the room's own noise.

Level is a cheap first guess at speech; the acoustic model (`speech_model.py`) is asked where it leaves doubt.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from bot.audio.frame import BYTES_PER_SAMPLE

SILENCE_DBFS: Final = -96.0
"""The level of digital silence: one step of 16 bits is about 96 dB below full scale."""

FLOOR_LOWEST_DBFS: Final = -75.0
FLOOR_HIGHEST_DBFS: Final = -35.0
FLOOR_AT_FIRST_DBFS: Final = -60.0

FALL: Final = 0.2
"""Of the distance per frame: the floor is down again within the first tenths of a pause."""

RISE_DB: Final = 0.03
"""Per frame of 20 ms, 1.5 dB/s: ten seconds of talk do not pass for noise, a fan that starts is one before long."""


def level_dbfs(pcm: bytes) -> float:
    """Root mean square of s16le samples against full scale, in decibels: 0 is a full-scale square wave, `SILENCE_DBFS` nothing."""
    samples = np.frombuffer(pcm, dtype="<i2", count=len(pcm) // BYTES_PER_SAMPLE).astype(np.float32)
    if not len(samples):
        return SILENCE_DBFS
    power = float(np.dot(samples, samples)) / len(samples)
    if power <= 0.0:
        return SILENCE_DBFS
    return max(10.0 * math.log10(power) - 20.0 * math.log10(32768.0), SILENCE_DBFS)


class NoiseFloor:
    """One member's room, learnt from the level of each frame: falls fast, rises slowly.

    Args:
        margin_db: how far above the floor speech stands.
    """

    def __init__(self, margin_db: float = 9.0) -> None:
        self.margin_db = margin_db
        self.dbfs = FLOOR_AT_FIRST_DBFS

    def update(self, level_dbfs: float) -> None:
        """Learn from one frame of 20 ms."""
        if level_dbfs <= SILENCE_DBFS:
            return  # a closed gate or a noise suppressor: says nothing of the room
        if level_dbfs < self.dbfs:
            self.dbfs += (level_dbfs - self.dbfs) * FALL
        else:
            self.dbfs += min(RISE_DB, level_dbfs - self.dbfs)
        self.dbfs = min(max(self.dbfs, FLOOR_LOWEST_DBFS), FLOOR_HIGHEST_DBFS)

    def is_speech(self, level_dbfs: float) -> bool:
        """Louder than the room by the margin. A guess: a door is louder than the room, too."""
        return level_dbfs >= self.dbfs + self.margin_db
