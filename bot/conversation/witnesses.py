"""Who was there while something was said: the people who may know of it.

A line of the talk becomes known late, when its words are recognised or its reply has sounded. Somebody who came in the meantime did not hear it,
and somebody who left before its end did not hear all of it: neither is a witness.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final

from bot.conversation.events import Caption, CaptionKind

DEPARTURES: Final = 256
"""Stays that are over, of the whole call; the oldest goes, and with it somebody is no witness who was one: the safe mistake."""


class Witnesses:
    """Stays in the channel. Times in monotonic seconds."""

    def __init__(self) -> None:
        self._here: dict[int, float] = {}  # as many as the channel holds
        self._gone: deque[tuple[int, float, float]] = deque(maxlen=DEPARTURES)

    def came(self, user_id: int, now: float) -> None:
        self._here.setdefault(user_id, now)

    def left(self, user_id: int, now: float) -> None:
        since = self._here.pop(user_id, None)
        if since is not None:
            self._gone.append((user_id, since, now))

    def of(self, started_at: float, ended_at: float) -> frozenset[int]:
        """Ids of everybody who was there from the beginning of it to its end."""
        here = {user_id for user_id, since in self._here.items() if since <= started_at}
        gone = {user_id for user_id, since, until in self._gone if since <= started_at and until >= ended_at}
        return frozenset(here | gone)

    def attest(self, line: Caption) -> Caption:
        """The line with all who heard it. What is typed, nobody but the companion reads; who says something hears it, also one who left with the last word."""
        heard_by = frozenset[int]() if line.kind is CaptionKind.TYPED else self.of(line.started_at, line.ended_at)
        return replace(line, heard_by=heard_by if line.user_id is None else heard_by | {line.user_id})
