"""What was said in the room, by whom: the last lines only, in memory only.

It exists for a model that lost its memory (a new session is told what the talk was about) and for captions. It is not the
memory of the companion, and no log.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from bot.conversation.events import Caption, CaptionKind

LINES: Final = 60
RECAP_LINES: Final = 12
RECAP_CHARS: Final = 1_500
LINE_CHARS: Final = 240


class Transcript:
    """The last `LINES` captions; the oldest goes first."""

    def __init__(self) -> None:
        self._lines: deque[Caption] = deque(maxlen=LINES)
        self._replies_since = float("-inf")

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: Caption) -> None:
        """A reply is captioned when it is over: one that had begun before it was to be forgotten is not let in afterwards."""
        if line.kind is not CaptionKind.HEARD or line.started_at >= self._replies_since:
            self._lines.append(line)

    def refuse_replies(self, now: float) -> None:
        """What the companion is saying now does not enter."""
        self._replies_since = now

    def forget(self, user_id: int) -> None:
        """Drop what a member said who does not want to be heard any more, and what they were answered: an answer repeats its question."""
        kept: list[Caption] = []
        is_theirs = False
        for line in self._lines:
            is_theirs = is_theirs if line.kind is CaptionKind.HEARD else line.user_id == user_id
            if not is_theirs:
                kept.append(line)
        self._lines = deque(kept, maxlen=LINES)

    def clear(self, now: float) -> None:
        """What was said until now is not to be told to anybody else."""
        self._lines.clear()
        self.refuse_replies(now)

    @property
    def members(self) -> frozenset[int]:
        """Whose words stand here."""
        return frozenset(line.user_id for line in self._lines if line.user_id is not None)

    def recap(self) -> str:
        """The last lines as one text for a model that remembers nothing; empty when nothing was said."""
        lines: list[str] = []
        room = RECAP_CHARS
        for line in list(self._lines)[-RECAP_LINES:][::-1]:
            text = _recap_line(line)
            room -= len(text)
            if room < 0:
                break
            lines.append(text)
        if not lines:
            return ""
        return "The connection was renewed. The talk so far, quoted, oldest line first:\n" + "\n".join(reversed(lines))


_WHO: Final = {CaptionKind.SAID: "[{0}] said", CaptionKind.TYPED: "[{0}] typed", CaptionKind.HEARD: "You said"}


def _recap_line(line: Caption) -> str:
    text = " ".join(line.text.split())[:LINE_CHARS]
    return f"{_WHO[line.kind].format(line.speaker)}: {text}{' (interrupted)' if line.is_cut else ''}"
