"""The server's input buffer, as far as we know it: how much sound is in it that was not committed."""

from __future__ import annotations

from typing import Final

from bot.audio.frame import pcm_bytes
from bot.realtime.events import Append, Clear, ClientEvent

LEAST_COMMIT_MS: Final = 100.0
"""A shorter commit is an error with some servers; silence fills it up."""


class InputBuffer:
    """One per connection. `appended_at`: when sound was sent last."""

    def __init__(self) -> None:
        self.appended_at = 0.0
        self._filled_bytes = 0
        self._is_clean = False

    @property
    def has_sound(self) -> bool:
        return self._filled_bytes > 0

    def append(self, pcm: bytes, now: float, *, is_manual: bool) -> list[ClientEvent]:
        is_first = is_manual and not self._filled_bytes and not self._is_clean
        self._filled_bytes += len(pcm)
        self._is_clean = False
        self.appended_at = now
        # "in manual mode send [clear] before each new user input"
        return [Clear(), Append(pcm)] if is_first else [Append(pcm)]

    def clear(self) -> ClientEvent:
        self._filled_bytes = 0
        self._is_clean = True
        return Clear()

    def fill_up(self, rate_hz: int) -> list[ClientEvent]:
        """What is missing for a commit; with the commit the buffer is empty."""
        missing_bytes = pcm_bytes(LEAST_COMMIT_MS, rate_hz) - self._filled_bytes
        self._filled_bytes = 0
        return [Append(bytes(missing_bytes))] if missing_bytes > 0 else []

    def forget(self) -> None:
        """Turns are decided differently: whatever is in it counts for nothing."""
        self._filled_bytes = 0
        self._is_clean = False
