"""Whose words a response answers: what decides in whose name a tool is called, and whose share of the day it takes.

Frozen when the response is asked for. Whoever speaks while the model still thinks is the next one's affair.
"""

from __future__ import annotations


class Asking:
    """`by`: whose words the response in flight (or the last one) answers; `None`: nobody's, or several people's at once."""

    def __init__(self) -> None:
        self.by: int | None = None
        self._since: set[int] = set()  # who said something that is not answered yet; as many as are in the room

    @property
    def is_news(self) -> bool:
        """Somebody said something that is not answered yet."""
        return bool(self._since)

    def said(self, user_id: int) -> None:
        """Words of theirs are with the model and want an answer."""
        self._since.add(user_id)

    def next_by(self, *, is_wish: bool) -> int | None:
        """Whose words a response would answer that is asked for now. `is_wish`: it has to say something for the host besides, which is nobody's words."""
        if is_wish or len(self._since) > 1:
            return None
        return next(iter(self._since), self.by)  # without new words it goes on with the old ones: after a tool's answer

    def asked(self, *, is_wish: bool) -> None:
        """A response is asked for, or begins by itself."""
        self.by = self.next_by(is_wish=is_wish)
        self._since.clear()

    def forget(self, user_id: int) -> None:
        """They are not to be heard any more."""
        self._since.discard(user_id)
        self.by = None if self.by == user_id else self.by
