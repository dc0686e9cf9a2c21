"""A call's memory by its seam: it keeps what it is told and finds everything, also what a room may not be told."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.memory.terms import Outcome
from bot.storage.memories import Kind, Memory


class FakeMemory:
    """`found` is answered to every search, right or not; `kept` holds what was to be remembered."""

    def __init__(self, *found: Memory, outcome: Outcome = Outcome.KEPT) -> None:
        self.found = found
        self.outcome = outcome
        self.heard: frozenset[int] = frozenset()
        self.rested: list[tuple[str, int]] = []
        self.kept: list[tuple[str, Kind, int, int, frozenset[int], str]] = []

    def search(self, words: str, present: frozenset[int], limit: int = 5) -> tuple[Memory, ...]:
        return self.found

    async def remember(
        self,
        text: str,
        kind: Kind,
        subject_id: int,
        speaker_id: int,
        present: frozenset[int],
        language: str,
        *,
        is_shareable: bool = False,
    ) -> Outcome:
        assert not is_shareable, "only its subject may make a memory shareable, and not by a model"
        self.kept.append((text, kind, subject_id, speaker_id, present, language))
        return self.outcome

    async def let_rest(self, words: str, subject_id: int, present: frozenset[int]) -> bool:
        self.rested.append((words, subject_id))
        return any(one.subject_id == subject_id for one in self.found)

    def heard_by(self, text: str, speaker_id: int, present: frozenset[int]) -> frozenset[int]:
        return self.heard & present | {speaker_id}


def memory(
    text: str,
    subject_id: int,
    heard_by: frozenset[int],
    *,
    guild_id: int = 1,
    is_shareable: bool = False,
    is_muted: bool = False,
) -> Memory:
    return Memory(
        guild_id=guild_id,
        memory_id=f"{hash((text, subject_id)) & 0xFFFFFFFF:032x}",
        subject_id=subject_id,
        speaker_id=subject_id,
        heard_by=heard_by,
        kind=Kind.FACT,
        text=text,
        language="en",
        made_at=datetime(2026, 11, 1, tzinfo=UTC),
        is_shareable=is_shareable,
        is_muted=is_muted,
    )
