"""What the host owes people whatever the persona: that they know it is an AI, and that somebody in danger is pointed to help.

Local, cheap, and not left to the model: each has a sentence in the room's chat besides the note that the model gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from bot.conversation.crisis import CRISIS_NOTE, Watch
from bot.conversation.disclosure import DISCLOSURE_NOTE, Disclosure
from bot.conversation.events import Caption, CaptionKind, TellRoom

Sentence: TypeAlias = tuple[str, Mapping[str, str]]
"""Key and values, of the catalogues."""


class Care:
    """One per call. `help_line`: what the room reads when somebody is in danger."""

    def __init__(self, help_line: Sentence) -> None:
        self._help_line = help_line
        self._watch = Watch()
        self._disclosure = Disclosure()

    def hear(self, line: Caption, now: float) -> tuple[str, TellRoom] | None:
        """The model's note and the room's sentence, when somebody says that they may come to harm."""
        if (
            line.kind is CaptionKind.HEARD
            or line.user_id is None
            or not self._watch.heard(line.user_id, line.text, now)
        ):
            return None
        key, values = self._help_line
        return CRISIS_NOTE, TellRoom(key, tuple(values.items()))

    def tick(self, now: float) -> tuple[str, TellRoom] | None:
        """... and when a talk has lasted for hours: it is an AI that they talk with."""
        return (DISCLOSURE_NOTE, TellRoom("room-disclosure")) if self._disclosure.due(now) else None
