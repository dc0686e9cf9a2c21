"""Several sounds at once, each with its gain. Sums saturate: loud is loud, never a wrapped-around crack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from bot.audio.frame import BYTES_PER_SAMPLE

_LOWEST: Final = -32768
_HIGHEST: Final = 32767


def mix(sources: Sequence[tuple[bytes, float]]) -> bytes:
    """The saturating sum of PCM (s16le mono) times gain.

    One source at gain 1 is returned untouched, without a copy. Shorter sources are taken as silent at their end; no source
    gives `b""`.
    """
    if len(sources) == 1:
        pcm, gain = sources[0]
        if gain == 1.0:
            return pcm
    size = max((len(pcm) for pcm, _ in sources), default=0) // BYTES_PER_SAMPLE
    total = np.zeros(size, dtype=np.int32)
    for pcm, gain in sources:
        if gain == 0.0:
            continue
        samples = np.frombuffer(pcm, dtype="<i2", count=len(pcm) // BYTES_PER_SAMPLE)
        if gain == 1.0:
            total[: len(samples)] += samples
        else:
            total[: len(samples)] += np.rint(samples * np.float32(gain)).astype(np.int32)
    # `minimum` and `maximum` in place cost half of `clip` at this size.
    np.minimum(total, _HIGHEST, out=total)
    np.maximum(total, _LOWEST, out=total)
    return total.astype("<i2").tobytes()
