"""What waits to be written to a model's socket.

Policy: while the socket takes nothing for a second, at most 50 frames of sound wait and the oldest is dropped; a burst (speech that was
kept while someone else spoke) may be longer as long as the socket takes it. Sound that was taken back does not leave any more. Everything
else is never dropped; too much of it makes the outbox overfull, which ends the connection.
"""

from __future__ import annotations

from typing import Final

from bot.realtime.backlog import Backlog
from bot.realtime.events import Append, Clear, ClientEvent, Commit

STALLED_S: Final = 1.0
MAX_STALLED_SOUND: Final = 50
MAX_BURST_SOUND: Final = 3000
MAX_CONTROL: Final = 512


class Outbox:
    """First in, first out; `now` is in seconds, monotonic."""

    def __init__(self) -> None:
        self._waiting: Backlog[ClientEvent] = Backlog(Append, Commit, MAX_BURST_SOUND, MAX_CONTROL)
        self._taken_at = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_overfull(self) -> bool:
        return self._waiting.is_overfull

    @property
    def dropped(self) -> int:
        return self._waiting.dropped

    def put(self, event: ClientEvent, now: float) -> None:
        if isinstance(event, Clear):
            self._waiting.drop_open_utterance()
        if not self._waiting:
            self._taken_at = now
        self._waiting.put(event)
        if now - self._taken_at >= STALLED_S and self._waiting.sound_count > MAX_STALLED_SOUND:
            self._waiting.drop_oldest_sound()

    def take(self) -> ClientEvent:
        """The next one to write. Raises `IndexError` when there is none."""
        return self._waiting.take()

    def taken(self, now: float) -> None:
        """The socket took it."""
        self._taken_at = now

    def clear(self) -> None:
        self._waiting.clear()
