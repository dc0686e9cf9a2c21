"""Where a memory may be told.

said in a call ─▶ Notebook ─▶ digest, `remember` ─▶ Proposal ─▶ (its subject keeps it) ─▶ Memory ─▶ Recollection ─▶ a room that may know it
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.storage.memories import ROOM, Memory


@dataclass(frozen=True, slots=True)
class Room:
    """Who is there to hear what is told. An empty room may be told nothing."""

    guild_id: int
    present: frozenset[int]


def may_share(memory: Memory) -> bool:
    """Only what somebody said of themselves can be theirs to share."""
    return memory.speaker_id == memory.subject_id != ROOM


def may_recall(memory: Memory, room: Room) -> bool:
    """Whether the room may be told (DESIGN section 6): everybody there heard it, or its subject said it of themselves and marked it shareable."""
    if memory.guild_id != room.guild_id or memory.is_muted or not room.present:
        return False
    return room.present <= memory.heard_by or (memory.is_shareable and may_share(memory))
