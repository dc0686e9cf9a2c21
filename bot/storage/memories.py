"""What is remembered, of whom, and who knows it: values. Times are aware UTC. They are kept by `memory_repository` and `recap_repository`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from bot.errors import KithError

ROOM: Final = 0
"""The subject of what concerns nobody in particular."""

TEXT_CHARS: Final = 200


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


def checked_text(text: str) -> str:
    """As it is kept. Raises `KithError` for an empty one and for one above `TEXT_CHARS`; nothing is cut."""
    tidy = text.strip()
    if not tidy:
        raise KithError("an empty memory", key="error-memory-empty")
    if len(tidy) > TEXT_CHARS:
        raise KithError(
            f"a memory of {len(tidy)} characters; expected at most {TEXT_CHARS}",
            key="error-memory-long",
            length=len(tidy),
            limit=TEXT_CHARS,
        )
    return tidy
