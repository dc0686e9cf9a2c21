"""Where the words of a memory came from: which lines of the talk, who heard those, and whether one of them was off the record.

A model that is asked to remember something may have it from any line that its session knows, however old. So what counts is not who hears the
latest words but who heard those that say it. Lines are kept as grams, in memory only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from bot.memory.grams import content, grams

LINES: Final = 300
"""The oldest goes first; a session of the model knows less of a talk than this."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who heard every line that the words can have come from, and whether one was off the record."""

    heard_by: frozenset[int]
    is_off_record: bool


@dataclass(frozen=True, slots=True)
class _Line:
    user_id: int | None  # `None`: the companion
    grams: frozenset[str]
    heard_by: frozenset[int]
    is_off_record: bool


class Sources:
    """The lines of one call."""

    def __init__(self) -> None:
        self._lines: deque[_Line] = deque(maxlen=LINES)

    def add(self, user_id: int | None, text: str, heard_by: frozenset[int], *, is_off_record: bool) -> None:
        self._lines.append(_Line(user_id, content(grams(text)), heard_by, is_off_record))

    def forget(self, user_id: int) -> None:
        """The words are gone; that they were said, and to whom, still bounds what may be told."""
        kept = [replace(line, grams=frozenset()) if line.user_id == user_id else line for line in self._lines]
        self._lines = deque(kept, maxlen=LINES)

    def unhear(self, user_id: int) -> None:
        """As if they had not been there."""
        kept = [replace(line, heard_by=line.heard_by - {user_id}) for line in self._lines]
        self._lines = deque(kept, maxlen=LINES)

    def of(self, text: str, speaker_id: int) -> Source | None:
        """Of a text that the speaker's latest line asks to remember; `None`: they have said nothing.

        What the latest line does not say itself is looked for in all others. Words that stand in no line (another language, another way to
        put it) may come from any of the speaker's.
        """
        theirs = [line for line in self._lines if line.user_id == speaker_id]
        if not theirs:
            return None
        about, latest = content(grams(text)), theirs[-1]
        foreign = about - latest.grams
        others = [line for line in self._lines if line is not latest and foreign & line.grams]
        is_found = bool(others) or foreign != about
        return _together([latest, *(others if is_found else theirs)])


def _together(lines: Collection[_Line]) -> Source:
    return Source(frozenset.intersection(*(line.heard_by for line in lines)), any(line.is_off_record for line in lines))
