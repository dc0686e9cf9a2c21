"""What the room of one call has been told of what is remembered, and what it may be told now. Sans-I/O; times are aware UTC.

A model cannot unlearn: whatever was told stays told until the room may not know it any more, and then the session that knew it goes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from bot.memory.recollection import Recollection
from bot.memory.room import Room
from bot.memory.terms import Recall
from bot.storage.memories import Memory


class Telling:
    """One per call, over what its guild remembers."""

    def __init__(self, recollection: Recollection) -> None:
        self.recollection = recollection
        # All of these are bounded by the recollection.
        self._told: set[str] = set()
        self._used: set[str] = set()
        self._resting: set[str] = set()  # told, and not to come up again: the session knows it all the same
        self._fresh: set[str] = set()  # what this very call gave to remember: its session heard it
        self._last: tuple[frozenset[int], int, tuple[Memory, ...]] | None = None

    @property
    def used(self) -> list[str]:
        """Ids of what was told in this call and is still remembered."""
        return [memory_id for memory_id in self._used if self.recollection.get(memory_id) is not None]

    def recall(self, room: Room, budget_tokens: int, now: datetime, *, is_off: bool) -> Recall:
        """What the room may be told; it counts as told from here on. `is_off`: nothing, and nothing of what it was told."""
        known = self._told | self._resting
        is_withdrawn = bool(known) and (is_off or not all(self._may_know(each, room, now) for each in known))
        if is_withdrawn:
            self._told.clear()
            self._resting.clear()
            self._fresh.clear()
            self._last = None
        if is_off:
            return Recall((), is_withdrawn)
        if self._last is None or self._last[:2] != (room.present, budget_tokens):
            chosen = self.recollection.recall(room, budget_tokens, now, self._fresh)
            self._tell(chosen, now)
            self._last = (room.present, budget_tokens, chosen)
        return Recall(self._last[2], is_withdrawn)

    def search(self, words: str, room: Room, limit: int, now: datetime, about: Collection[int]) -> tuple[Memory, ...]:
        """What fits the words, or is of those whom it is `about`, the best first; it counts as told."""
        found = self.recollection.search(words, room, limit, now, about)
        self._tell(found, now)
        return found

    def _tell(self, memories: Sequence[Memory], now: datetime) -> None:
        ids = {memory.memory_id for memory in memories}
        self._told |= ids
        self.recollection.used(ids - self._used, now)
        self._used |= ids

    def _may_know(self, memory_id: str, room: Room, now: datetime) -> bool:
        memory = self.recollection.get(memory_id)
        if memory is not None and memory_id in self._resting:
            memory = replace(
                memory, is_muted=False
            )  # whom it rests for is its subject; who comes later is another matter
        return memory is not None and self.recollection.may_tell(memory, room, now)

    # ------------------------------------------------------------------------ what changes meanwhile

    def learned(self, memory: Memory) -> None:
        """A memory is there, or has another state."""
        self.recollection.put(memory)
        self._last = None

    def kept(self, memory: Memory) -> None:
        """The call itself gave this to remember."""
        self.learned(memory)
        self._fresh.add(memory.memory_id)

    def replaced(self, old: Memory, new: Memory) -> None:
        """It says nearly the same: a model that was told the old one was told as good as the new one."""
        self.recollection.drop([old.memory_id])
        if old.memory_id in self._told:
            self._told ^= {old.memory_id, new.memory_id}

    def let_rest(self, memory_id: str) -> None:
        """Its subject, who knows it, wants it left alone: the session need not forget it, until somebody comes who may not know it."""
        if memory_id in self._told:
            self._told.discard(memory_id)
            self._resting.add(memory_id)

    def dropped(self, memory_ids: Iterable[str], subject_id: int) -> list[str]:
        """Its subject has thrown it away. The texts that are not remembered any more."""
        found = [self.recollection.get(memory_id) for memory_id in memory_ids]
        theirs = [memory for memory in found if memory is not None and memory.subject_id == subject_id]
        self.recollection.drop([memory.memory_id for memory in theirs])
        self._last = None
        return [memory.text for memory in theirs]

    def erased(self, subject_id: int) -> None:
        self.recollection.drop_subject(subject_id)
        self._last = None

    def refresh(self) -> None:
        """What may be told has changed without a memory having changed."""
        self._last = None
