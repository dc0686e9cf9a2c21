"""From one rate to another, for sound that is not live: synthesis, files, recordings.

Never on the live path: there the codec is the resampler, and a streaming resampler would hold back 20 to 40 ms.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import soxr

Samples: TypeAlias = npt.NDArray[np.int16]


def resample(pcm: Samples, from_hz: int, to_hz: int) -> Samples:
    """The same sound at another rate: a one-dimensional int16 array. Blocks while it works (soxr, high quality)."""
    if from_hz == to_hz or not len(pcm):
        return pcm
    return np.asarray(soxr.resample(pcm, from_hz, to_hz, quality="HQ"), dtype=np.int16)
