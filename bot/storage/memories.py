"""What is remembered, of whom, and who knows it; and keeping it. Texts are sealed on the way in and opened on the way out. Times are aware UTC.

What is forgotten is gone from the tables, from the free pages and from the write-ahead log before the call returns (`Database.scrub`). A row that
does not open is as if it were not there, and counted in the log; it can be forgotten like any other.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

import structlog
from sqlalchemy import String, and_, cast, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import KithError, StorageError
from bot.storage.aggregate import Aggregate
from bot.storage.database import Database
from bot.storage.tables import MemoryRow, ProposalRow, RecapRow
from bot.storage.vault import GuildCipher, Vault

ROOM: Final = 0
"""The subject of what concerns nobody in particular."""

TEXT_CHARS: Final = 200
MEMORIES: Final = 5_000
"""Of a guild; the least used go first."""

PROPOSALS: Final = 20
"""Of a member, open; the oldest goes."""

RECAP_POINTS: Final = 500
"""Of a guild; the oldest goes."""

PAGE: Final = 100
"""Rows that are read and opened in one go, before the loop may do something else: some four milliseconds."""

NAMED: Final = 500
"""Rows that one statement names; databases bound the parameters of a statement."""

_log = structlog.get_logger(__name__)


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


class MemoryRepository(Aggregate):
    """Memories and proposals. Raises `StorageError` when the database fails; what returned is on the disk."""

    name: ClassVar = "memories"
    tables: ClassVar = (MemoryRow, ProposalRow)

    def __init__(self, database: Database, vault: Vault) -> None:
        super().__init__(database)
        self._vault = vault

    # ------------------------------------------------------------------ memories

    async def all(self, guild_id: int) -> list[Memory]:
        """Of the whole guild, oldest first. Read and opened a page at a time, so that a call goes on meanwhile."""
        cipher = await self._vault.cipher(guild_id)
        found: list[Memory] = []
        async with self._database.transaction() as session:
            query = _MEMORIES.where(MemoryRow.guild_id == guild_id).execution_options(yield_per=PAGE)
            rows = await session.stream(query)
            async for page in rows.partitions():
                found += _opened(cipher, page, _memory)
        return sorted(found, key=lambda memory: (memory.made_at, memory.memory_id))

    async def of_member(self, guild_id: int, user_id: int) -> list[Memory]:
        """What is remembered of this member, newest first."""
        query = _MEMORIES.where(MemoryRow.guild_id == guild_id, MemoryRow.subject_id == user_id)
        return await self._memories(guild_id, query)

    async def _memories(self, guild_id: int, query: Any) -> list[Memory]:
        cipher = await self._vault.cipher(guild_id)
        async with self._database.transaction() as session:
            rows = (await session.execute(query.order_by(MemoryRow.made_at.desc(), MemoryRow.memory_id))).all()
        return _opened(cipher, rows, _memory)

    async def add(self, memory: Memory) -> None:
        """One more; above `MEMORIES` the least used goes, of those the oldest. Raises `KithError` for its text (`checked_text`)."""
        row = _memory_row(await self._vault.cipher(memory.guild_id), memory)
        async with self._database.transaction() as session:
            await _make_room(session, memory.guild_id)
            session.add(row)

    async def change(
        self,
        guild_id: int,
        user_id: int,
        memory_id: str,
        *,
        text: str | None = None,
        is_shareable: bool | None = None,
        is_muted: bool | None = None,
    ) -> Memory | None:
        """Only by its subject. Answers what it is now; `None`: there is no such memory of theirs. What it said before is gone."""
        cipher = await self._vault.cipher(guild_id)
        values: dict[str, Any] = {}
        if text is not None:
            values["sealed"] = cipher.seal(MemoryRow.__tablename__, user_id, memory_id, checked_text(text))
        if is_shareable is not None:
            values["is_shareable"] = is_shareable
        if is_muted is not None:
            values["is_muted"] = is_muted
        place = (
            MemoryRow.guild_id == guild_id,
            MemoryRow.memory_id == memory_id,
            MemoryRow.subject_id == user_id,
        )
        async with self._database.transaction() as session:
            if values:
                await session.execute(update(MemoryRow).where(*place).values(**values))
            rows = (await session.execute(_MEMORIES.where(*place))).all()
        if text is not None:
            await self._database.scrub()
        return next(iter(_opened(cipher, rows, _memory)), None)

    async def forget(self, guild_id: int, user_id: int, memory_ids: Collection[str] | None = None) -> int:
        """Memories of this subject, by id; `None`: all of them, with proposals and recap points. Answers how many rows there were.

        When it returns, no byte of them is in the database's files. Raises `StorageError` if it cannot promise that.
        """
        mine = (MemoryRow.guild_id == guild_id, MemoryRow.subject_id == user_id)
        async with self._database.transaction() as session:
            if memory_ids is None:
                count = await _delete(session, MemoryRow, *mine)
                count += await _delete(
                    session, ProposalRow, ProposalRow.guild_id == guild_id, ProposalRow.subject_id == user_id
                )
                count += await _delete(session, RecapRow, RecapRow.guild_id == guild_id, RecapRow.user_id == user_id)
            else:
                count = 0
                for some in _in_parts(memory_ids):
                    count += await _delete(session, MemoryRow, *mine, MemoryRow.memory_id.in_(some))
        await self._database.scrub()
        return count

    async def mark_used(self, guild_id: int, memory_ids: Collection[str], now: datetime) -> None:
        """Told to a room once more: what is used stays longest."""
        async with self._database.transaction() as session:
            for some in _in_parts(memory_ids):
                await session.execute(
                    update(MemoryRow)
                    .where(MemoryRow.guild_id == guild_id, MemoryRow.memory_id.in_(some))
                    .values(uses=MemoryRow.uses + 1, used_at=now)
                )

    async def expire(self, guild_id: int, now: datetime, unused_since: datetime) -> int:
        """Retention: memories that nobody used since then (or were made before and never used), and whatever is past its own time.

        Answers how many rows went. Copies that SQLite left in the gaps of its pages follow within the hour (`scrub(at_once=False)`).
        """
        async with self._database.transaction() as session:
            count = await _delete(
                session,
                MemoryRow,
                MemoryRow.guild_id == guild_id,
                or_(func.coalesce(MemoryRow.used_at, MemoryRow.made_at) < unused_since, MemoryRow.expires_at <= now),
            )
            for table in (ProposalRow, RecapRow):
                count += await _delete(session, table, table.guild_id == guild_id, table.expires_at <= now)
        if count:
            await self._database.scrub(at_once=False)
        return count

    # ------------------------------------------------------------------ proposals

    async def propose(self, proposals: Sequence[Proposal]) -> None:
        """All of them or none. Above `PROPOSALS` open ones of a member the oldest goes. Raises `KithError` for a text."""
        if not proposals:
            return
        rows = [_proposal_row(await self._vault.cipher(one.guild_id), one) for one in proposals]
        async with self._database.transaction() as session:
            session.add_all(rows)
            await session.flush()
            for guild_id, user_id in {(one.guild_id, one.subject_id) for one in proposals}:
                mine = (ProposalRow.guild_id == guild_id, ProposalRow.subject_id == user_id)
                newest = select(ProposalRow.proposal_id).where(*mine)
                newest = newest.order_by(ProposalRow.made_at.desc(), ProposalRow.proposal_id.desc()).limit(PROPOSALS)
                kept = (await session.scalars(newest)).all()
                await _delete(session, ProposalRow, *mine, ProposalRow.proposal_id.not_in(kept))

    async def proposals(self, guild_id: int, user_id: int) -> list[Proposal]:
        """What waits for this member's word, oldest first."""
        cipher = await self._vault.cipher(guild_id)
        query = _PROPOSALS.where(ProposalRow.guild_id == guild_id, ProposalRow.subject_id == user_id)
        async with self._database.transaction() as session:
            rows = (await session.execute(query.order_by(ProposalRow.made_at, ProposalRow.proposal_id))).all()
        return _opened(cipher, rows, _proposal)

    async def settle(
        self, guild_id: int, user_id: int, proposal_id: str, *, keep: bool, text: str | None = None
    ) -> Memory | None:
        """The member's word: kept (as it is, or with their own `text`) or dropped. `None`: dropped, or not there (any more)."""
        cipher = await self._vault.cipher(guild_id)
        own = checked_text(text) if keep and text is not None else None
        place = (
            ProposalRow.guild_id == guild_id,
            ProposalRow.proposal_id == proposal_id,
            ProposalRow.subject_id == user_id,
        )
        memory = None
        async with self._database.transaction() as session:
            row = (await session.execute(_PROPOSALS.where(*place))).one_or_none()
            if row is not None and keep:
                proposal = _proposal(cipher, row)
                memory = _kept(proposal if own is None else replace(proposal, text=own))
                await _make_room(session, guild_id)
                session.add(_memory_row(cipher, memory))
            await _delete(session, ProposalRow, *place)
        if row is not None and (not keep or own is not None):
            await self._database.scrub()
        return memory

    # ------------------------------------------------------------------ erase and export

    async def erase_member(self, guild_id: int, user_id: int, session: AsyncSession | None = None) -> None:
        """What is remembered or proposed of them goes, and what they said of the room. What they said of others, and what they heard of
        others, is those others': it stays without this member's id, so that it is told in fewer rooms than before, never in more."""
        async with self._written(session) as open_session:
            for table in (MemoryRow, ProposalRow):
                here = table.guild_id == guild_id
                own = or_(table.subject_id == user_id, and_(table.subject_id == ROOM, table.speaker_id == user_id))
                await _delete(open_session, table, here, own)
                await open_session.execute(
                    update(table).where(here, table.speaker_id == user_id).values(speaker_id=ROOM)
                )
                await _unhear(open_session, table, guild_id, user_id)

    async def erase_guild(self, guild_id: int, session: AsyncSession | None = None) -> None:
        async with self._written(session) as open_session:
            for table in self.tables:
                await _delete(open_session, table, table.guild_id == guild_id)

    async def export_member(self, guild_id: int, user_id: int) -> Any:
        said = _MEMORIES.where(
            MemoryRow.guild_id == guild_id, MemoryRow.subject_id == ROOM, MemoryRow.speaker_id == user_id
        )
        return {
            "remembered": [_exported(memory, user_id) for memory in await self.of_member(guild_id, user_id)],
            "said_of_the_room": [_exported(memory, user_id) for memory in await self._memories(guild_id, said)],
            "proposed": [_exported(one, user_id) for one in await self.proposals(guild_id, user_id)],
        }


class RecapRepository(Aggregate):
    """Points of talks, for a day. Raises `StorageError` when the database fails."""

    name: ClassVar = "recaps"
    tables: ClassVar = (RecapRow,)

    def __init__(self, database: Database, vault: Vault) -> None:
        super().__init__(database)
        self._vault = vault

    async def add(self, points: Sequence[RecapPoint]) -> None:
        """All of them or none. Above `RECAP_POINTS` of a guild the oldest goes. Raises `KithError` for a text."""
        rows = [_recap_row(await self._vault.cipher(point.guild_id), point) for point in points]
        async with self._database.transaction() as session:
            session.add_all(rows)
            await session.flush()
            for guild_id in {point.guild_id for point in points}:
                here = RecapRow.guild_id == guild_id
                newest = (
                    select(RecapRow.point_id).where(here).order_by(RecapRow.made_at.desc(), RecapRow.point_id.desc())
                )
                kept = (await session.scalars(newest.limit(RECAP_POINTS))).all()
                if len(kept) == RECAP_POINTS:
                    await _delete(session, RecapRow, here, RecapRow.point_id.not_in(kept))

    async def of_channel(self, guild_id: int, channel_id: int, now: datetime) -> list[RecapPoint]:
        """What may still be told, oldest first. Whether it may be told to this room is for the caller to say (`heard_by`)."""
        return await self._points(guild_id, RecapRow.channel_id == channel_id, RecapRow.expires_at > now)

    async def _points(self, guild_id: int, *conditions: Any) -> list[RecapPoint]:
        cipher = await self._vault.cipher(guild_id)
        query = _RECAPS.where(RecapRow.guild_id == guild_id, *conditions)
        async with self._database.transaction() as session:
            rows = (await session.execute(query.order_by(RecapRow.made_at, RecapRow.point_id))).all()
        return _opened(cipher, rows, _recap)

    async def forget(self, guild_id: int, user_id: int) -> int:
        """Every point by this member; gone from the files when it returns."""
        async with self._database.transaction() as session:
            count = await _delete(session, RecapRow, RecapRow.guild_id == guild_id, RecapRow.user_id == user_id)
        await self._database.scrub()
        return count

    # ------------------------------------------------------------------ erase and export

    async def erase_member(self, guild_id: int, user_id: int, session: AsyncSession | None = None) -> None:
        async with self._written(session) as open_session:
            await _delete(open_session, RecapRow, RecapRow.guild_id == guild_id, RecapRow.user_id == user_id)
            await _unhear(open_session, RecapRow, guild_id, user_id)

    async def erase_guild(self, guild_id: int, session: AsyncSession | None = None) -> None:
        async with self._written(session) as open_session:
            await _delete(open_session, RecapRow, RecapRow.guild_id == guild_id)

    async def export_member(self, guild_id: int, user_id: int) -> Any:
        points = await self._points(guild_id, RecapRow.user_id == user_id)
        return [
            {"text": point.text, "made_at": point.made_at.isoformat(), "expires_at": point.expires_at.isoformat()}
            for point in points
        ]


# ---------------------------------------------------------------------------- rows

_MEMORIES: Final = select(*MemoryRow.__table__.columns)
_PROPOSALS: Final = select(*ProposalRow.__table__.columns)
_RECAPS: Final = select(*RecapRow.__table__.columns)
"""Columns, not objects: five thousand rows are read at the start of a call."""


def _opened(cipher: GuildCipher, rows: Iterable[Any], make: Any) -> list[Any]:
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


def _memory(cipher: GuildCipher, row: Any) -> Memory:
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


def _memory_row(cipher: GuildCipher, memory: Memory) -> MemoryRow:
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


def _proposal(cipher: GuildCipher, row: Any) -> Proposal:
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


def _proposal_row(cipher: GuildCipher, one: Proposal) -> ProposalRow:
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


def _kept(proposal: Proposal) -> Memory:
    return Memory(
        proposal.guild_id,
        secrets.token_hex(16),
        proposal.subject_id,
        proposal.speaker_id,
        proposal.heard_by,
        proposal.kind,
        proposal.text,
        proposal.language,
        proposal.made_at,
    )


def _recap(cipher: GuildCipher, row: Any) -> RecapPoint:
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


def _recap_row(cipher: GuildCipher, point: RecapPoint) -> RecapRow:
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


def _exported(one: Memory | Proposal, user_id: int) -> dict[str, Any]:
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


def _in_parts(ids: Collection[str]) -> list[list[str]]:
    named = sorted(set(ids))
    return [named[start : start + NAMED] for start in range(0, len(named), NAMED)]


async def _delete(session: AsyncSession, table: Any, *conditions: Any) -> int:
    result: Any = await session.execute(delete(table).where(*conditions))
    return int(result.rowcount)


async def _make_room(session: AsyncSession, guild_id: int) -> None:
    """So that one more is at most `MEMORIES`."""
    here = MemoryRow.guild_id == guild_id
    count = await session.scalar(select(func.count()).select_from(MemoryRow).where(here)) or 0
    if count < MEMORIES:
        return
    least = select(MemoryRow.memory_id).where(here).order_by(MemoryRow.uses, MemoryRow.made_at, MemoryRow.memory_id)
    for some in _in_parts((await session.scalars(least.limit(count - MEMORIES + 1))).all()):
        await _delete(session, MemoryRow, here, MemoryRow.memory_id.in_(some))


async def _unhear(session: AsyncSession, table: Any, guild_id: int, user_id: int) -> None:
    """Take a member out of every `heard_by` of the guild."""
    key = list(table.__table__.primary_key.columns)[1]
    likely = cast(table.heard_by, String).contains(str(user_id))
    rows = (await session.execute(select(key, table.heard_by).where(table.guild_id == guild_id, likely))).all()
    for row_id, heard_by in rows:
        if user_id in heard_by:
            left = [one for one in heard_by if one != user_id]
            await session.execute(update(table).where(table.guild_id == guild_id, key == row_id).values(heard_by=left))
