"""Whose words a transcript holds.

One session serves several people, transcripts come late and out of order, and the server echoes no id of ours. So a speaker is bound to
the server's item when speech begins or is committed, in the order of commits, and never to the time at which a transcript arrives.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

MAX_KNOWN: Final = 256


class Speakers:
    """Who speaks now, whose commits are on their way, and whose item is which."""

    def __init__(self) -> None:
        self.now: str | None = None
        self._committing: deque[str] = deque(maxlen=MAX_KNOWN)
        self._of_item: OrderedDict[str, str | None] = OrderedDict()
        self._transcribed: deque[str] = deque(maxlen=MAX_KNOWN)

    @property
    def is_commit_expected(self) -> bool:
        return bool(self._committing)

    def commit(self, speaker: str) -> None:
        self._committing.append(speaker)

    def forget_commit(self) -> None:
        """The server refused the oldest commit."""
        if self._committing:
            self._committing.popleft()

    def forget_commits(self) -> None:
        self._committing.clear()

    def committed(self, item_id: str) -> None:
        self.bind(item_id, self._committing.popleft() if self._committing else self.now)

    def bind(self, item_id: str, speaker: str | None) -> None:
        """The first word on an item counts: speech that began as one member's stays theirs."""
        if item_id not in self._of_item:
            self._of_item[item_id] = speaker
            if len(self._of_item) > MAX_KNOWN:
                self._of_item.popitem(last=False)

    def of(self, item_id: str) -> str | None:
        return self._of_item.get(item_id, self.now)

    def is_first_transcript(self, item_id: str) -> bool:
        """Whether this is the first final transcript of the item; nameless items cannot be told apart."""
        if item_id and item_id in self._transcribed:
            return False
        self._transcribed.append(item_id)
        return True
