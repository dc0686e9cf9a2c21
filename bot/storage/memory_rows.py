"""Memories, proposals and recap points as rows: texts are sealed on the way in and opened on the way out.

A row that does not open is as if it were not there, and counted in the log; it can be forgotten like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import structlog
from sqlalchemy import String, cast, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import StorageError
from bot.storage.memories import Kind, Memory, Proposal, RecapPoint, checked_text
from bot.storage.tables import MemoryRow, ProposalRow, RecapRow
from bot.storage.vault import GuildCipher

_log = structlog.get_logger(__name__)

MEMORY_COLUMNS: Final = select(*MemoryRow.__table__.columns)
PROPOSAL_COLUMNS: Final = select(*ProposalRow.__table__.columns)
RECAP_COLUMNS: Final = select(*RecapRow.__table__.columns)
"""Columns, not objects: five thousand rows are read at the start of a call."""


def opened(cipher: GuildCipher, rows: Iterable[Any], make: Any) -> list[Any]:
    """What `make` (`memory_in`, `proposal_in`, `recap_in`) finds in each row that opens."""
    found = []
    damaged = 0
    for row in rows:
        try:
            found.append(make(cipher, row))
        except (StorageError, ValueError):
            damaged += 1
    if damaged:
        _log.error("sealed_rows_do_not_open", count=damaged)
    return found


def memory_in(cipher: GuildCipher, row: Any) -> Memory:
    return Memory(
        row.guild_id,
        row.memory_id,
        row.subject_id,
        row.speaker_id,
        frozenset(row.heard_by),
        Kind(row.kind),
        cipher.open("memories", row.subject_id, row.memory_id, row.sealed),
        row.language,
        row.made_at,
        row.used_at,
        row.uses,
        row.expires_at,
        row.is_shareable,
        row.is_muted,
    )


def memory_row(cipher: GuildCipher, memory: Memory) -> MemoryRow:
    text = checked_text(memory.text)
    return MemoryRow(
        guild_id=memory.guild_id,
        memory_id=memory.memory_id,
        subject_id=memory.subject_id,
        speaker_id=memory.speaker_id,
        heard_by=sorted(memory.heard_by),
        kind=memory.kind.value,
        sealed=cipher.seal("memories", memory.subject_id, memory.memory_id, text),
        language=memory.language,
        is_shareable=memory.is_shareable,
        is_muted=memory.is_muted,
        uses=memory.uses,
        made_at=memory.made_at,
        used_at=memory.used_at,
        expires_at=memory.expires_at,
    )


def proposal_in(cipher: GuildCipher, row: Any) -> Proposal:
    return Proposal(
        row.guild_id,
        row.proposal_id,
        row.subject_id,
        row.speaker_id,
        frozenset(row.heard_by),
        Kind(row.kind),
        cipher.open("memory_proposals", row.subject_id, row.proposal_id, row.sealed),
        row.language,
        row.made_at,
        row.expires_at,
    )


def proposal_row(cipher: GuildCipher, one: Proposal) -> ProposalRow:
    return ProposalRow(
        guild_id=one.guild_id,
        proposal_id=one.proposal_id,
        subject_id=one.subject_id,
        speaker_id=one.speaker_id,
        heard_by=sorted(one.heard_by),
        kind=one.kind.value,
        sealed=cipher.seal("memory_proposals", one.subject_id, one.proposal_id, checked_text(one.text)),
        language=one.language,
        made_at=one.made_at,
        expires_at=one.expires_at,
    )


def recap_in(cipher: GuildCipher, row: Any) -> RecapPoint:
    return RecapPoint(
        row.guild_id,
        row.point_id,
        row.call_id,
        row.channel_id,
        row.user_id,
        frozenset(row.heard_by),
        cipher.open("recap_points", row.user_id, row.point_id, row.sealed),
        row.made_at,
        row.expires_at,
    )


def recap_row(cipher: GuildCipher, point: RecapPoint) -> RecapRow:
    return RecapRow(
        guild_id=point.guild_id,
        point_id=point.point_id,
        call_id=point.call_id,
        channel_id=point.channel_id,
        user_id=point.user_id,
        heard_by=sorted(point.heard_by),
        sealed=cipher.seal("recap_points", point.user_id, point.point_id, checked_text(point.text)),
        made_at=point.made_at,
        expires_at=point.expires_at,
    )


def exported(one: Memory | Proposal, user_id: int) -> dict[str, Any]:
    """Without the ids of others: how many heard it, not who."""
    known: dict[str, Any] = {
        "text": one.text,
        "kind": one.kind.value,
        "language": one.language,
        "said_by_you": one.speaker_id == user_id,
        "heard_by": len(one.heard_by),
        "made_at": one.made_at.isoformat(),
        "expires_at": one.expires_at.isoformat() if one.expires_at else None,
    }
    if isinstance(one, Memory):
        known["used_at"] = one.used_at.isoformat() if one.used_at else None
        known |= {"uses": one.uses, "is_shareable": one.is_shareable, "is_muted": one.is_muted}
    return known


async def delete_rows(session: AsyncSession, table: Any, *conditions: Any) -> int:
    """How many rows there were."""
    result: Any = await session.execute(delete(table).where(*conditions))
    return int(result.rowcount)


async def unhear(session: AsyncSession, table: Any, guild_id: int, user_id: int) -> None:
    """Take a member out of every `heard_by` of the guild."""
    key = list(table.__table__.primary_key.columns)[1]
    likely = cast(table.heard_by, String).contains(str(user_id))
    rows = (await session.execute(select(key, table.heard_by).where(table.guild_id == guild_id, likely))).all()
    for row_id, heard_by in rows:
        if user_id in heard_by:
            left = [one for one in heard_by if one != user_id]
            await session.execute(update(table).where(table.guild_id == guild_id, key == row_id).values(heard_by=left))
