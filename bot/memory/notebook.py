"""The lines of a talk that may be looked at again when it is over. Bounded, in memory only, and only of members who wanted that when they spoke.

A line counts for memories if its member had agreed to be remembered since before it began, and for the recap if to a transcript. The companion's own
lines stand between them for context. Nothing of a time off the record is in here, also when its words are recognised later. Times: monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from bot.memory.digest import Line, Point
from bot.memory.grams import content, grams
from bot.storage.memories import Kind

LINES: Final = 300
CHARS: Final = 24_000
LINE_CHARS: Final = 400
PAUSES: Final = 32
"""Times off the record in one call; more of them, and the whole time since the first of those kept counts as off."""


@dataclass(frozen=True, slots=True)
class Note:
    """A line. `user_id` of `None` is the companion; then neither mark is set."""

    user_id: int | None
    name: str
    text: str
    heard_by: frozenset[int]
    for_memory: bool = False
    for_recap: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A point that stands: whose it is, who said it (another, if some of the words are another's), and everybody who heard what it can have come from."""

    point: Point
    user_id: int
    speaker_id: int
    heard_by: frozenset[int]


class OffRecord:
    """The times when nothing is noted."""

    def __init__(self) -> None:
        self._spans: deque[tuple[float, float]] = deque(maxlen=PAUSES)

    def begin(self, now: float, until: float) -> None:
        if self._spans and now <= self._spans[-1][1]:
            since, before = self._spans.pop()
            now, until = since, max(before, until)
        elif len(self._spans) == PAUSES:
            first, second = self._spans.popleft(), self._spans.popleft()
            self._spans.appendleft((first[0], second[1]))
        self._spans.append((now, until))

    def covers(self, started_at: float, ended_at: float) -> bool:
        """Whether any of that time was off the record."""
        return any(started_at < until and ended_at >= since for since, until in self._spans)


class Notebook:
    """The last lines; the oldest goes first."""

    def __init__(self) -> None:
        self._notes: deque[Note] = deque(maxlen=LINES)
        self._chars = 0

    def __len__(self) -> int:
        return len(self._notes)

    def add(self, note: Note) -> None:
        if len(self._notes) == LINES:
            self._chars -= len(self._notes.popleft().text)
        self._notes.append(note)
        self._chars += len(note.text)
        while self._chars > CHARS:
            self._chars -= len(self._notes.popleft().text)

    def forget(self, user_id: int) -> None:
        self._keep(lambda note: note.user_id != user_id)

    def unhear(self, user_id: int) -> None:
        """As if they had not been there."""
        self._notes = deque([replace(note, heard_by=note.heard_by - {user_id}) for note in self._notes], maxlen=LINES)

    def retain(self, for_memory: Collection[int], for_recap: Collection[int]) -> None:
        """Only lines of those who still agree to what their line was noted for stay."""
        kept = [
            Note(
                note.user_id,
                note.name,
                note.text,
                note.heard_by,
                note.for_memory and note.user_id in for_memory,
                note.for_recap and note.user_id in for_recap,
            )
            for note in self._notes
        ]
        self._notes = deque(kept, maxlen=LINES)
        self._keep(lambda note: note.user_id is None or note.for_memory or note.for_recap)

    def clear(self) -> None:
        self._notes.clear()
        self._chars = 0

    @property
    def has_members(self) -> bool:
        return any(note.user_id is not None for note in self._notes)

    def lines(self) -> tuple[Line, ...]:
        """As a digest is given them."""
        return tuple(Line(None if note.user_id is None else note.name, note.text) for note in self._notes)

    def text_of_members(self) -> str:
        return " ".join(note.text for note in self._notes if note.user_id is not None)

    def findings(self, points: Iterable[Point]) -> tuple[Finding, ...]:
        """The points that are about somebody who spoke and that have something in common with what they said."""
        found = (self._finding(point) for point in points)
        return tuple(finding for finding in found if finding is not None)

    def _finding(self, point: Point) -> Finding | None:
        named = {note.user_id for note in self._notes if note.user_id is not None and _same(note.name, point.about)}
        if len(named) != 1:
            return None
        user_id = named.pop()
        assert user_id is not None
        about = content(grams(point.text))
        own = [note for note in self._notes if note.user_id == user_id and _serves(note, point)]
        if not any(about & grams(note.text) for note in own):
            return None
        # Which of their lines it came from nobody knows, so only who heard them all has heard it.
        theirs = [note for note in self._notes if note.user_id == user_id]
        heard_by = frozenset.intersection(*(note.heard_by for note in theirs))
        # Words that stand in none of them came from somebody else's line, or from nowhere.
        foreign = about.difference(*(grams(note.text) for note in theirs))
        others = [note for note in self._notes if note.user_id != user_id and foreign & grams(note.text)]
        heard_by = heard_by.intersection(*(note.heard_by for note in others))
        speaker_id = next((note.user_id for note in others if note.user_id is not None), user_id)
        return Finding(point, user_id, speaker_id, heard_by | {user_id})

    def _keep(self, wanted: Callable[[Note], bool]) -> None:
        self._notes = deque([note for note in self._notes if wanted(note)], maxlen=LINES)
        self._chars = sum(len(note.text) for note in self._notes)


def _serves(note: Note, point: Point) -> bool:
    return note.for_recap if point.kind is Kind.DIGEST else note.for_memory


def _same(name: str, other: str) -> bool:
    return " ".join(name.split()).casefold() == " ".join(other.split()).casefold()
