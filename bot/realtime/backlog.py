"""A queue in which sound may be dropped and nothing else may.

The order between sound and everything else is part of the meaning (a commit closes what was appended before it), so there is one
queue, not two. Policy when full: the oldest sound goes; other entries are never dropped, `is_overfull` says that there are too many.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class Backlog(Generic[Entry]):
    """First in, first out. `sound` is the type of the droppable entries, `commit` of the one that closes an utterance."""

    def __init__(self, sound: type, commit: type, max_sound: int, max_other: int) -> None:
        self._entries: deque[Entry] = deque()
        self._sound = sound
        self._commit = commit
        self._max_sound = max_sound
        self._max_other = max_other
        self.sound_count = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    @property
    def is_overfull(self) -> bool:
        return len(self._entries) - self.sound_count > self._max_other

    def put(self, entry: Entry) -> None:
        self._entries.append(entry)
        if isinstance(entry, self._sound):
            self.sound_count += 1
            if self.sound_count > self._max_sound:
                self.drop_oldest_sound()

    def take(self) -> Entry:
        """Raises `IndexError` when empty."""
        entry = self._entries.popleft()
        self.sound_count -= isinstance(entry, self._sound)
        return entry

    def take_all(self) -> list[Entry]:
        entries = list(self._entries)
        self.clear()
        return entries

    def clear(self) -> None:
        self._entries.clear()
        self.sound_count = 0

    def drop_oldest_sound(self) -> None:
        for index, entry in enumerate(self._entries):
            if isinstance(entry, self._sound):
                del self._entries[index]
                self.sound_count -= 1
                self.dropped += 1
                return

    def drop_open_utterance(self) -> None:
        """Take back the sound that follows the last commit: it is nobody's any more."""
        behind: list[Entry] = []
        while self._entries and not isinstance(self._entries[-1], self._commit):
            entry = self._entries.pop()
            if isinstance(entry, self._sound):
                self.sound_count -= 1
            else:
                behind.append(entry)
        self._entries.extend(reversed(behind))

    def drop_utterances(self, is_theirs: Callable[[Entry], bool]) -> None:
        """Take back whole utterances: the commits for which `is_theirs` holds, with the sound that each of them closes."""
        kept: list[Entry] = []
        for entry in self._entries:
            if not (isinstance(entry, self._commit) and is_theirs(entry)):
                kept.append(entry)
                continue
            behind: list[Entry] = []
            while kept and not isinstance(kept[-1], self._commit):
                before = kept.pop()
                if not isinstance(before, self._sound):
                    behind.append(before)
            kept += reversed(behind)
        self._refill(kept)

    def drop_if(self, is_unwanted: Callable[[Entry], bool]) -> None:
        """Take back every entry for which `is_unwanted` holds."""
        self._refill([entry for entry in self._entries if not is_unwanted(entry)])

    def _refill(self, entries: list[Entry]) -> None:
        self._entries = deque(entries)
        self.sound_count = sum(isinstance(entry, self._sound) for entry in entries)
