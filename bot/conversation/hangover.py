"""How long a member may pause before an utterance is over.

Nobody pauses alike. One who was cut off in mid-sentence (he went on right after the end) gets more time, and so does one whose pauses
come close to the limit; everybody drifts back to the usual 400 ms, since waiting is latency for the whole room.
"""

from __future__ import annotations

from typing import Final

USUAL_MS: Final = 400.0
LONGEST_MS: Final = 900.0
CUT_OFF_MS: Final = 120.0
"""What a speaker gains who was cut off."""

SOON_S: Final = 0.7
"""Going on so soon after the end means that it was none."""

ROOM: Final = 1.35
"""The limit stays so much above the pauses that the speaker makes inside an utterance."""

DRIFT: Final = 0.15


class Hangover:
    """The limit for one member, milliseconds."""

    def __init__(self) -> None:
        self.limit_ms = USUAL_MS
        self._ended_at: float | None = None

    def began(self, now: float) -> None:
        if self._ended_at is not None and now - self._ended_at < SOON_S:
            self._raise_to(self.limit_ms + CUT_OFF_MS)
        self._ended_at = None

    def paused(self, pause_ms: float) -> None:
        """The speaker went on after a pause inside the utterance."""
        self._raise_to(pause_ms * ROOM)

    def ended(self, now: float) -> None:
        self._ended_at = now
        self.limit_ms -= (self.limit_ms - USUAL_MS) * DRIFT

    def _raise_to(self, limit_ms: float) -> None:
        self.limit_ms = min(LONGEST_MS, max(self.limit_ms, limit_ms))
