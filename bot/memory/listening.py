"""What a call's memory hears: lines into the notebook, as far as their members agreed, and who heard what. Times: monotonic seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from bot.memory.notebook import LINE_CHARS, Note, Notebook, OffRecord
from bot.memory.sources import Source, Sources
from bot.storage.consent import Scope

AGREEMENT_S: Final = 1.0
"""How often it is looked at who agrees: a line counts if its member had agreed before it began."""


class SpokenLine(Protocol):
    """A line of the talk (`bot.conversation.events.Caption`). `user_id` of `None` is the companion; `heard_by` are ids of who was there."""

    @property
    def speaker(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def started_at(self) -> float: ...
    @property
    def ended_at(self) -> float: ...
    @property
    def user_id(self) -> int | None: ...
    @property
    def heard_by(self) -> frozenset[int]: ...


class Listening:
    """`agreed` says who agrees to a scope at present, with effect."""

    def __init__(self, agreed: Callable[[Scope], frozenset[int]]) -> None:
        self.notebook = Notebook()
        self.now = float("-inf")
        self._agreed = agreed
        self._off_record = OffRecord()
        self._off_until = float("-inf")
        self._looked_at = float("-inf")
        self._since: dict[Scope, dict[int, float]] = {Scope.REMEMBER: {}, Scope.TRANSCRIPT: {}}
        self._sources = Sources()
        self._names: dict[int, str] = {}  # bounded by who came to the call
        self._is_context = False
        self._look()

    def tick(self, now: float) -> None:
        """Time passes: agreements are looked at."""
        self.now = max(self.now, now)
        if now - self._looked_at >= AGREEMENT_S:
            self._look()

    def meet(self, user_id: int, name: str, now: float) -> None:
        """Somebody is there; `name`: as the talk calls them."""
        self.tick(now)
        self._names[user_id] = name.casefold()

    def hear(self, line: SpokenLine, now: float, *, is_noting: bool) -> None:
        """A line of the talk, which is known by `now`."""
        self.tick(now)
        user_id, text = line.user_id, " ".join(line.text.split())[:LINE_CHARS]
        is_off_record = self._off_record.covers(line.started_at, line.ended_at)
        self._sources.add(user_id, text, line.heard_by, is_off_record=is_off_record)
        if not text or not is_noting or is_off_record:
            self._is_context = False
        elif user_id is not None:
            self._note(user_id, line.speaker, text, line.heard_by | {user_id}, line.started_at)
        elif self._is_context:
            # An answer to somebody whose line is not noted may repeat it.
            self.notebook.add(Note(None, "", text, line.heard_by))

    def source(self, text: str, speaker_id: int) -> Source | None:
        """Where a text comes from that the speaker wants remembered; `None`: they have said nothing."""
        return self._sources.of(text, speaker_id)

    def heard_by(self, text: str, speaker_id: int, present: frozenset[int]) -> frozenset[int]:
        """Who of those present heard what the text comes from: whoever came after the words were spoken did not. The speaker always did."""
        source = self.source(text, speaker_id)
        return (present if source is None else present & source.heard_by) | {speaker_id}

    def named(self, words: str) -> list[int]:
        """Whom the words name."""
        return [user_id for user_id, name in self._names.items() if name and name in words.casefold()]

    def go_off_record(self, until: float) -> None:
        self._off_record.begin(self.now, until)
        self._off_until = max(self._off_until, until)

    def is_off_record(self, now: float) -> bool:
        return now < self._off_until

    def forget(self, user_id: int) -> None:
        """Their lines are gone; what they say from now on counts if they (still) agree."""
        self.notebook.forget(user_id)
        self._sources.forget(user_id)
        for since in self._since.values():
            since.pop(user_id, None)

    def unhear(self, user_id: int) -> None:
        """As if they had not been there when others spoke."""
        self.notebook.unhear(user_id)
        self._sources.unhear(user_id)
        self._names.pop(user_id, None)

    def _note(self, user_id: int, name: str, text: str, heard_by: frozenset[int], started_at: float) -> None:
        self._look()
        for_memory = self._had_agreed(user_id, Scope.REMEMBER, started_at)
        for_recap = self._had_agreed(user_id, Scope.TRANSCRIPT, started_at)
        self._is_context = for_memory or for_recap
        if self._is_context:
            self.notebook.add(Note(user_id, name, text, heard_by, for_memory, for_recap))

    def _look(self) -> None:
        """Who agrees to what, and since when as far as this call can tell."""
        self._looked_at = self.now
        for scope, since in self._since.items():
            agreed = self._agreed(scope)
            for user_id in since.keys() - agreed:
                del since[user_id]
            for user_id in agreed - since.keys():
                since[user_id] = self.now

    def _had_agreed(self, user_id: int, scope: Scope, started_at: float) -> bool:
        since = self._since[scope].get(user_id)
        return since is not None and since <= started_at
