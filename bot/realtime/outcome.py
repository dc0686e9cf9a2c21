"""What a session answers with: what to send, what to tell, and whether this connection has a future."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.errors import ModelFault
from bot.realtime.events import ClientEvent, ModelEvent


@dataclass(slots=True)
class Outcome:
    """In order: `send` goes to the dialect, `events` to the conversation.

    Attributes:
        restart: this connection has served; open a fresh one at once.
        fault: this connection cannot go on, and why. A fatal one ends the link.
    """

    send: list[ClientEvent] = field(default_factory=list)
    events: list[ModelEvent] = field(default_factory=list)
    restart: bool = False
    fault: ModelFault | None = None
