"""Everything that a guild remembers, in memory, and choosing from it for a room. Sans-I/O; times are aware UTC.

    score = how much the words match × how fresh it is × what kind it is × whether its subject is there × whether it was told only just now

The rule comes first: what the room may not know (`bot.memory.room`) is not ranked at all.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
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

NAMED: Final = 1.0
"""What it counts in a search that somebody was named: as much as a word that a third of the memories have."""

COMMON: Final = 0.3
FEW: Final = 50
"""A gram that so great a part of the memories have finds nothing, unless they are few."""


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
        # All of these are bounded by the memories of a guild, and what one call adds.
        self._entries: dict[str, _Entry] = {}
        self._order: list[tuple[float, str]] = []  # (-worth, id): the best first
        self._with_gram: defaultdict[str, set[str]] = defaultdict(set)
        self._heard_by: defaultdict[int, set[str]] = defaultdict(set)
        self._of_subject: defaultdict[int, set[str]] = defaultdict(set)
        self._shared: set[str] = set()
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
        insort(self._order, (-entry.worth, memory.memory_id))
        for place in self._places(entry):
            place.add(memory.memory_id)

    def drop(self, memory_ids: Iterable[str]) -> None:
        for memory_id in memory_ids:
            entry = self._entries.pop(memory_id, None)
            if entry is None:
                continue
            del self._order[bisect_left(self._order, (-entry.worth, memory_id))]
            for place in self._places(entry):
                place.discard(memory_id)

    def _places(self, entry: _Entry) -> Iterator[set[str]]:
        """Where it can be found."""
        yield from (self._with_gram[gram] for gram in entry.grams)
        yield from (self._heard_by[user_id] for user_id in entry.memory.heard_by)
        yield self._of_subject[entry.memory.subject_id]
        if entry.memory.is_shareable:
            yield self._shared

    def drop_subject(self, user_id: int) -> None:
        self.drop(list(self._of_subject.get(user_id, ())))

    def unhear(self, user_id: int) -> None:
        """As if they had not been there."""
        for memory_id in list(self._heard_by.get(user_id, ())):
            memory = self._entries[memory_id].memory
            self.put(replace(memory, heard_by=memory.heard_by - {user_id}))

    def used(self, memory_ids: Collection[str], now: datetime) -> None:
        """They were told: for some hours others come first."""
        for memory_id in memory_ids:
            entry = self._entries.get(memory_id)
            if entry is not None:
                entry.memory = replace(entry.memory, used_at=now, uses=entry.memory.uses + 1)

    # ------------------------------------------------------------------------ choosing

    def may_tell(self, memory: Memory, room: Room, now: datetime) -> bool:
        """`may_recall`, of a memory that has not run out, about somebody who is remembered at all."""
        is_over = memory.expires_at is not None and memory.expires_at <= now
        return not is_over and may_recall(memory, room) and self._knows(memory.subject_id)

    def recall(
        self, room: Room, budget_tokens: int, now: datetime, without: Collection[str] = ()
    ) -> tuple[Memory, ...]:
        """What the room may be told of itself, the best first, within the budget. `without`: ids that are left out."""
        likely = self._likely(room).difference(without)
        chosen: list[Memory] = []
        for _, memory_id in sorted(self._best(likely, room, now), reverse=True):
            entry = self._entries[memory_id]
            if entry.tokens <= budget_tokens and self.may_tell(entry.memory, room, now):
                budget_tokens -= entry.tokens
                chosen.append(entry.memory)
        return tuple(chosen)

    def search(
        self, words: str, room: Room, limit: int, now: datetime, about: Collection[int] = ()
    ) -> tuple[Memory, ...]:
        """What fits the words, the best first. What is remembered of those whom it is `about` fits a little in any case."""
        likely = self._likely(room)
        found = self._matches(grams(words), likely)
        for memory_id in likely & set[str]().union(*(self._of_subject.get(user_id, ()) for user_id in about)):
            found[memory_id] = found.get(memory_id, 0.0) + NAMED
        scored = ((match * (0.5 + self._entries[memory_id].worth), memory_id) for memory_id, match in found.items())
        best = (self._entries[memory_id].memory for _, memory_id in heapq.nlargest(CANDIDATES, scored))
        return tuple([memory for memory in best if self.may_tell(memory, room, now)][:limit])

    def _likely(self, room: Room) -> set[str]:
        """What the rule can allow, by sets that were made before; the rule itself has its word on whatever is chosen from them."""
        heard = sorted((self._heard_by.get(user_id, set()) for user_id in room.present), key=len)
        likely = set.intersection(*heard) | self._shared if heard else set[str]()
        for subject_id, theirs in self._of_subject.items():
            if not self._knows(subject_id):
                likely -= theirs
        return likely

    def _best(self, likely: set[str], room: Room, now: datetime) -> list[tuple[float, str]]:
        """Score and id of the best candidates, in no order: first of who is there, then of others as long as any of theirs can be worth as much."""
        best: list[tuple[float, str]] = []
        here = likely & set[str]().union(*(self._of_subject.get(user_id, ()) for user_id in room.present))
        for memory_id in here:
            self._offer(best, memory_id, 1.0, now)
        for negative_worth, memory_id in self._order:
            if len(best) == CANDIDATES and best[0][0] >= ABSENT * -negative_worth:
                break
            if memory_id in likely and memory_id not in here:
                self._offer(best, memory_id, ABSENT, now)
        return best

    def _offer(self, best: list[tuple[float, str]], memory_id: str, share: float, now: datetime) -> None:
        entry = self._entries[memory_id]
        if entry.memory.is_muted:
            return
        score = entry.worth * share
        if entry.memory.used_at is not None and entry.memory.used_at > now - TOLD_LATELY:
            score *= SUPPRESSED
        if len(best) < CANDIDATES:
            heapq.heappush(best, (score, memory_id))
        elif score > best[0][0]:
            heapq.heapreplace(best, (score, memory_id))

    def alike(self, subject_id: int, text: str) -> Memory | None:
        """What is remembered of the subject already and says nearly the same."""
        wanted = grams(text)
        theirs = [self._entries[memory_id] for memory_id in self._of_subject.get(subject_id, ())]
        best = max(theirs, key=lambda entry: likeness(entry.grams, wanted), default=None)
        return best.memory if best is not None and likeness(best.grams, wanted) >= SAME else None

    # ------------------------------------------------------------------------ inside

    def _matches(self, wanted: frozenset[str], likely: set[str]) -> dict[str, float]:
        """How much of the words each of the likely ones has: rare grams count more, stop words and what nearly all have find nothing."""
        found: dict[str, float] = {}
        for gram in wanted:
            having = self._with_gram.get(gram, set())
            is_common = len(having) > FEW and len(having) > COMMON * len(self._entries)
            if is_common or weight(gram) == STOP_WEIGHT:
                continue
            rarity = math.log(1 + len(self._entries) / (1 + len(having)))
            for memory_id in having & likely:
                found[memory_id] = found.get(memory_id, 0.0) + rarity
        return found

    def _worth(self, memory: Memory) -> float:
        since = max(memory.made_at, memory.used_at or memory.made_at)
        days = max(0.0, (self._now - since) / timedelta(days=1))
        freshness: float = LEAST_FRESHNESS + (1 - LEAST_FRESHNESS) * 0.5 ** (days / HALF_LIFE_DAYS)
        return KINDS[memory.kind] * freshness
