"""The numbers of 20 ms.

Live sound is `bytes`: signed 16-bit little-endian PCM, mono, at the model's rate. A *frame* is 20 ms of it. Sound that is
not live (files, synthesis, recordings) is a one-dimensional `numpy.int16` array with its rate beside it.
"""

from __future__ import annotations

from typing import Final

FRAME_MS: Final = 20
MODEL_RATE_HZ: Final = 24_000
"""What StepFun and OpenAI take and give; libopus decodes to it and encodes from it (DESIGN D3)."""

DISCORD_CLOCK_HZ: Final = 48_000
"""RTP timestamps of Opus always count 48 kHz samples (RFC 7587 4.1)."""

BYTES_PER_SAMPLE: Final = 2
FRAME_SAMPLES: Final = MODEL_RATE_HZ * FRAME_MS // 1000
FRAME_BYTES: Final = FRAME_SAMPLES * BYTES_PER_SAMPLE
FRAME_TICKS: Final = DISCORD_CLOCK_HZ * FRAME_MS // 1000
"""What one frame adds to an RTP timestamp."""

SILENT_FRAME: Final = bytes(FRAME_BYTES)


def pcm_bytes(duration_ms: float, rate_hz: int = MODEL_RATE_HZ) -> int:
    """Bytes of PCM that last `duration_ms`, a whole number of samples."""
    return round(rate_hz * duration_ms / 1000) * BYTES_PER_SAMPLE


def pcm_ms(size_bytes: int, rate_hz: int = MODEL_RATE_HZ) -> float:
    """How long `size_bytes` of PCM last, in milliseconds."""
    return size_bytes / BYTES_PER_SAMPLE * 1000 / rate_hz
