"""What is remembered, of whom, and who knows it; and keeping it. Texts are sealed on the way in and opened on the way out. Times are aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

ROOM: Final = 0
"""The subject of what concerns nobody in particular."""

TEXT_CHARS: Final = 200
MEMORIES: Final = 5_000
"""Of a guild; the least used go first."""


class Kind(StrEnum):
    FACT = "fact"
    PREFERENCE = "preference"
    PROMISE = "promise"
    RELATIONSHIP = "relationship"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Memory:
    """One thing that is remembered. `heard_by` holds everybody who was there, speaker and subject among them if they were."""

    guild_id: int
    memory_id: str
    subject_id: int
    speaker_id: int
    heard_by: frozenset[int]
    kind: Kind
    text: str
    language: str
    made_at: datetime
    used_at: datetime | None = None
    uses: int = 0
    expires_at: datetime | None = None
    is_shareable: bool = False
    is_muted: bool = False  # "do not bring this up again": kept and shown, never told to a room


@dataclass(frozen=True, slots=True)
class Proposal:
    """Something that might be remembered, for its subject to keep, edit or drop."""

    guild_id: int
    proposal_id: str
    subject_id: int
    speaker_id: int
    heard_by: frozenset[int]
    kind: Kind
    text: str
    language: str
    made_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RecapPoint:
    """A point of a talk, by the member whose words it sums up."""

    guild_id: int
    point_id: str
    call_id: str
    channel_id: int
    user_id: int
    heard_by: frozenset[int]
    text: str
    made_at: datetime
    expires_at: datetime
