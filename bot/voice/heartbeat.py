"""The heartbeat of a voice websocket, sans-I/O: when the next one is due, how long answers take, and when there are none."""

from __future__ import annotations

from typing import Final

MOST_S: Final = 5.0
"""Discord's own clients beat every min(interval, 5 s); a dead connection shows sooner."""

LEAST_S: Final = 0.1
MISSED_ACKS: Final = 2


class Heartbeat:
    """Starts with a hello, stops with the socket."""

    def __init__(self) -> None:
        self.due_at: float | None = None
        self.latency_ms: float | None = None
        self.sent = 0
        self._interval_s = MOST_S
        self._sent_at = 0.0
        self._unanswered = 0

    def start(self, interval_ms: int, now: float) -> None:
        self._interval_s = min(max(interval_ms / 1000, LEAST_S), MOST_S)
        self._unanswered = 0
        self.due_at = now + self._interval_s

    def stop(self) -> None:
        self.due_at = None

    def is_due(self, now: float) -> bool:
        return self.due_at is not None and now >= self.due_at

    @property
    def is_unanswered(self) -> bool:
        """The server has been silent for so long that the connection is as good as gone."""
        return self._unanswered >= MISSED_ACKS

    def beat(self, now: float, *, is_asked_for: bool = False) -> int:
        """Counts one as sent; its nonce. One that the server asked for need not be acknowledged."""
        self.sent += 1
        self._sent_at = now
        self._unanswered += not is_asked_for
        self.due_at = now + self._interval_s
        return self.sent

    def acknowledged(self, now: float) -> None:
        if self.sent:
            self.latency_ms = (now - self._sent_at) * 1000
        self._unanswered = 0
