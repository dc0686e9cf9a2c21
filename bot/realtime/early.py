"""Commands that come before the session is ready. Sound keeps its last 30 s, the rest its order; an interruption has nothing to interrupt."""

from __future__ import annotations

from typing import Final

from bot.realtime.backlog import Backlog
from bot.realtime.events import AddText, AppendAudio, CommitUtterance, DiscardAudio, Interrupt, ModelCommand, Respond

MAX_KEPT_AUDIO: Final = 1500
"""Frames: 30 s, the longest utterance."""

MAX_KEPT_COMMANDS: Final = 256


class Early:
    """It outlives connections: what waited for one waits for the next."""

    def __init__(self) -> None:
        self._kept: Backlog[ModelCommand] = Backlog(AppendAudio, CommitUtterance, MAX_KEPT_AUDIO, MAX_KEPT_COMMANDS)

    @property
    def dropped(self) -> int:
        """Sound that was too much."""
        return self._kept.dropped

    def keep(self, command: ModelCommand) -> bool:
        """False: there was too much to wait for a session, and all of it is gone."""
        match command:
            case Interrupt():
                self._kept.drop_if(lambda kept: isinstance(kept, Respond))
            case DiscardAudio(speaker):
                self._discard(speaker)
            case _:
                self._kept.put(command)
                if self._kept.is_overfull:
                    self._kept.clear()
                    return False
        return True

    def take_all(self) -> list[ModelCommand]:
        return self._kept.take_all()

    def _discard(self, speaker: str | None) -> None:
        self._kept.drop_open_utterance()
        if speaker is None:
            return
        self._kept.drop_utterances(lambda kept: isinstance(kept, CommitUtterance) and kept.speaker == speaker)
        self._kept.drop_if(lambda kept: isinstance(kept, AppendAudio) and kept.speaker == speaker)
        if not any(isinstance(kept, (CommitUtterance, AddText)) for kept in self._kept):
            self._kept.drop_if(lambda kept: isinstance(kept, Respond))
