"""Everything that a guild remembers, in memory, and choosing from it for a room. Sans-I/O; times are aware UTC.

    score = how much the words match × how fresh it is × what kind it is × whether its subject is there × whether it was told only just now

The rule comes first: what the room may not know (`bot.memory.room`) is not ranked at all.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bot.memory.grams import STOP_WEIGHT, grams, likeness, weight
from bot.memory.room import Room, may_recall
from bot.memory.tokens import tokens
from bot.storage.memories import Kind, Memory

HALF_LIFE_DAYS: Final = 45.0
LEAST_FRESHNESS: Final = 0.2
"""What is old still counts that much."""

KINDS: Final = {Kind.PROMISE: 1.5, Kind.PREFERENCE: 1.2, Kind.FACT: 1.0, Kind.RELATIONSHIP: 1.0, Kind.DIGEST: 0.6}
ABSENT: Final = 0.3
"""What concerns somebody who is not there."""

TOLD_LATELY: Final = timedelta(hours=12)
SUPPRESSED: Final = 0.3
"""What was told so lately need not be told again, unless there is nothing else."""

LINE_TOKENS: Final = 8
"""For a name and what stands around the text."""

CANDIDATES: Final = 64
SAME: Final = 0.6
"""Two texts of one subject that are so much alike say the same: the newer one takes the older one's place."""

COMMON: Final = 0.3
"""A gram of so many of the memories finds nothing."""


@dataclass(slots=True)
class _Entry:
    memory: Memory
    grams: frozenset[str]
    worth: float  # kind × freshness, as of the beginning of the call
    tokens: int


class Recollection:
    """What a guild remembers. `knows` says of a subject whether they are remembered at all now (they agreed, and still do)."""

    def __init__(
        self, memories: Iterable[Memory], now: datetime, knows: Callable[[int], bool] = lambda _: True
    ) -> None:
        self._now = now
        self._knows = knows
        self._entries: dict[str, _Entry] = {}  # bounded by MEMORIES of a guild, and what one call adds
        self._with_gram: defaultdict[str, set[str]] = defaultdict(set)  # bounded by the texts of the entries
        for memory in memories:
            self.put(memory)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, memory_id: str) -> Memory | None:
        entry = self._entries.get(memory_id)
        return entry.memory if entry is not None else None

    def put(self, memory: Memory) -> None:
        """A new memory, or another state of one."""
        self.drop([memory.memory_id])
        entry = _Entry(memory, grams(memory.text), self._worth(memory), tokens(memory.text) + LINE_TOKENS)
        self._entries[memory.memory_id] = entry
        for gram in entry.grams:
            self._with_gram[gram].add(memory.memory_id)

    def drop(self, memory_ids: Iterable[str]) -> None:
        for memory_id in memory_ids:
            entry = self._entries.pop(memory_id, None)
            for gram in entry.grams if entry is not None else ():
                self._with_gram[gram].discard(memory_id)
                if not self._with_gram[gram]:
                    del self._with_gram[gram]

    def drop_subject(self, user_id: int) -> None:
        self.drop([memory_id for memory_id, entry in self._entries.items() if entry.memory.subject_id == user_id])

    def used(self, memory_ids: Collection[str], now: datetime) -> None:
        """They were told: for some hours others come first."""
        for memory_id in memory_ids:
            entry = self._entries.get(memory_id)
            if entry is not None:
                entry.memory = replace(entry.memory, used_at=now, uses=entry.memory.uses + 1)

    # ------------------------------------------------------------------------ choosing

    def may_tell(self, memory: Memory, room: Room, now: datetime) -> bool:
        """DESIGN's rule, of a memory that has not run out, about somebody who is remembered at all."""
        is_over = memory.expires_at is not None and memory.expires_at <= now
        return not is_over and may_recall(memory, room) and self._knows(memory.subject_id)

    def recall(
        self, room: Room, budget_tokens: int, now: datetime, without: Collection[str] = ()
    ) -> tuple[Memory, ...]:
        """What the room may be told of itself, the best first, within the budget. `without`: ids that are left out."""
        told_before = now - TOLD_LATELY
        scored: list[tuple[float, str]] = []
        for memory_id, entry in self._entries.items():
            memory = entry.memory
            if not may_recall(memory, room):
                continue
            score = entry.worth
            if memory.subject_id not in room.present:
                score *= ABSENT
            if memory.used_at is not None and memory.used_at > told_before:
                score *= SUPPRESSED
            scored.append((score, memory_id))
        chosen: list[Memory] = []
        for _, memory_id in heapq.nlargest(CANDIDATES + len(without), scored):
            entry = self._entries[memory_id]
            if memory_id in without or entry.tokens > budget_tokens or not self.may_tell(entry.memory, room, now):
                continue
            budget_tokens -= entry.tokens
            chosen.append(entry.memory)
        return tuple(chosen)

    def search(
        self, words: str, room: Room, limit: int, now: datetime, subject_id: int | None = None
    ) -> tuple[Memory, ...]:
        """What fits the words, the best first; of one subject only if one is given, and then also what fits no word."""
        found = self._matches(grams(words))
        if subject_id is not None:
            found = {id_: found.get(id_, 0.05) for id_, e in self._entries.items() if e.memory.subject_id == subject_id}
        scored = [
            (match * (0.5 + self._entries[memory_id].worth), memory_id)
            for memory_id, match in found.items()
            if self.may_tell(self._entries[memory_id].memory, room, now)
        ]
        return tuple(self._entries[memory_id].memory for _, memory_id in heapq.nlargest(limit, scored))

    def alike(self, subject_id: int, text: str) -> Memory | None:
        """What is remembered of the subject already and says nearly the same."""
        wanted = grams(text)
        best = max(
            (entry for entry in self._entries.values() if entry.memory.subject_id == subject_id),
            key=lambda entry: likeness(entry.grams, wanted),
            default=None,
        )
        return best.memory if best is not None and likeness(best.grams, wanted) >= SAME else None

    # ------------------------------------------------------------------------ inside

    def _matches(self, wanted: frozenset[str]) -> dict[str, float]:
        """How much of the words each memory has: rare grams count more, stop words hardly, what nearly all have not at all."""
        found: dict[str, float] = {}
        total = 0.0
        for gram in wanted:
            having = self._with_gram.get(gram, ())
            rarity = math.log(1 + len(self._entries) / (1 + len(having))) * weight(gram)
            total += rarity
            if weight(gram) == STOP_WEIGHT or (len(having) > 50 and len(having) > COMMON * len(self._entries)):
                continue
            for memory_id in having:
                found[memory_id] = found.get(memory_id, 0.0) + rarity
        return {memory_id: score / total for memory_id, score in found.items()} if total else {}

    def _worth(self, memory: Memory) -> float:
        since = max(memory.made_at, memory.used_at or memory.made_at)
        days = max(0.0, (self._now - since) / timedelta(days=1))
        freshness: float = LEAST_FRESHNESS + (1 - LEAST_FRESHNESS) * 0.5 ** (days / HALF_LIFE_DAYS)
        return KINDS[memory.kind] * freshness
