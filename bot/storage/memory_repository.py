"""Keeping what is remembered, and what waits for its subject's word.

What is forgotten is gone from the tables, from the free pages and from the write-ahead log before the call returns (`Database.scrub`).
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Final

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.aggregate import Aggregate
from bot.storage.database import Database
from bot.storage.memories import ROOM, Memory, Proposal, checked_text
from bot.storage.memory_rows import (
    MEMORY_COLUMNS,
    PROPOSAL_COLUMNS,
    delete_rows,
    exported,
    memory_in,
    memory_row,
    opened,
    proposal_in,
    proposal_row,
    unhear,
)
from bot.storage.tables import MemoryRow, ProposalRow, RecapRow
from bot.storage.vault import Vault

MEMORIES: Final = 5_000
"""Of a guild; the least used go first."""

PROPOSALS: Final = 20
"""Of a member, open; the oldest goes."""

PAGE: Final = 100
"""Rows that are read and opened in one go, before the loop may do something else: some four milliseconds."""

NAMED: Final = 500
"""Rows that one statement names; databases bound the parameters of a statement."""


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
            query = MEMORY_COLUMNS.where(MemoryRow.guild_id == guild_id).execution_options(yield_per=PAGE)
            rows = await session.stream(query)
            async for page in rows.partitions():
                found += opened(cipher, page, memory_in)
        return sorted(found, key=lambda memory: (memory.made_at, memory.memory_id))

    async def of_member(self, guild_id: int, user_id: int) -> list[Memory]:
        """What is remembered of this member, newest first."""
        query = MEMORY_COLUMNS.where(MemoryRow.guild_id == guild_id, MemoryRow.subject_id == user_id)
        return await self._memories(guild_id, query)

    async def _memories(self, guild_id: int, query: Any) -> list[Memory]:
        cipher = await self._vault.cipher(guild_id)
        async with self._database.transaction() as session:
            rows = (await session.execute(query.order_by(MemoryRow.made_at.desc(), MemoryRow.memory_id))).all()
        return opened(cipher, rows, memory_in)

    async def add(self, memory: Memory) -> None:
        """One more; above `MEMORIES` the least used goes, of those the oldest. Raises `KithError` for its text (`checked_text`)."""
        row = memory_row(await self._vault.cipher(memory.guild_id), memory)
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
            rows = (await session.execute(MEMORY_COLUMNS.where(*place))).all()
        if text is not None:
            await self._database.scrub()
        return next(iter(opened(cipher, rows, memory_in)), None)

    async def forget(self, guild_id: int, user_id: int, memory_ids: Collection[str] | None = None) -> int:
        """Memories of this subject, by id; `None`: all of them, with proposals and recap points. Answers how many rows there were.

        When it returns, no byte of them is in the database's files. Raises `StorageError` if it cannot promise that.
        """
        mine = (MemoryRow.guild_id == guild_id, MemoryRow.subject_id == user_id)
        async with self._database.transaction() as session:
            if memory_ids is None:
                count = await delete_rows(session, MemoryRow, *mine)
                count += await delete_rows(
                    session, ProposalRow, ProposalRow.guild_id == guild_id, ProposalRow.subject_id == user_id
                )
                count += await delete_rows(
                    session, RecapRow, RecapRow.guild_id == guild_id, RecapRow.user_id == user_id
                )
            else:
                count = 0
                for some in _in_parts(memory_ids):
                    count += await delete_rows(session, MemoryRow, *mine, MemoryRow.memory_id.in_(some))
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

        Answers how many rows went. Copies that SQLite left in the gaps of its pages follow with a later round (`scrub(at_once=False)`).
        """
        async with self._database.transaction() as session:
            count = await delete_rows(
                session,
                MemoryRow,
                MemoryRow.guild_id == guild_id,
                or_(func.coalesce(MemoryRow.used_at, MemoryRow.made_at) < unused_since, MemoryRow.expires_at <= now),
            )
            for table in (ProposalRow, RecapRow):
                count += await delete_rows(session, table, table.guild_id == guild_id, table.expires_at <= now)
        if count or self._database.is_scrub_due:
            await self._database.scrub(at_once=False)
        return count

    # ------------------------------------------------------------------ proposals

    async def propose(self, proposals: Sequence[Proposal]) -> None:
        """All of them or none. Above `PROPOSALS` open ones of a member the oldest goes. Raises `KithError` for a text."""
        if not proposals:
            return
        rows = [proposal_row(await self._vault.cipher(one.guild_id), one) for one in proposals]
        async with self._database.transaction() as session:
            session.add_all(rows)
            await session.flush()
            for guild_id, user_id in {(one.guild_id, one.subject_id) for one in proposals}:
                mine = (ProposalRow.guild_id == guild_id, ProposalRow.subject_id == user_id)
                newest = select(ProposalRow.proposal_id).where(*mine)
                newest = newest.order_by(ProposalRow.made_at.desc(), ProposalRow.proposal_id.desc()).limit(PROPOSALS)
                kept = (await session.scalars(newest)).all()
                await delete_rows(session, ProposalRow, *mine, ProposalRow.proposal_id.not_in(kept))

    async def proposals(self, guild_id: int, user_id: int) -> list[Proposal]:
        """What waits for this member's word, oldest first."""
        cipher = await self._vault.cipher(guild_id)
        query = PROPOSAL_COLUMNS.where(ProposalRow.guild_id == guild_id, ProposalRow.subject_id == user_id)
        async with self._database.transaction() as session:
            rows = (await session.execute(query.order_by(ProposalRow.made_at, ProposalRow.proposal_id))).all()
        return opened(cipher, rows, proposal_in)

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
            row = (await session.execute(PROPOSAL_COLUMNS.where(*place))).one_or_none()
            if row is not None and keep:
                proposal = proposal_in(cipher, row)
                memory = _kept(proposal if own is None else replace(proposal, text=own))
                await _make_room(session, guild_id)
                session.add(memory_row(cipher, memory))
            await delete_rows(session, ProposalRow, *place)
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
                await delete_rows(open_session, table, here, own)
                await open_session.execute(
                    update(table).where(here, table.speaker_id == user_id).values(speaker_id=ROOM)
                )
                await unhear(open_session, table, guild_id, user_id)

    async def erase_guild(self, guild_id: int, session: AsyncSession | None = None) -> None:
        async with self._written(session) as open_session:
            for table in self.tables:
                await delete_rows(open_session, table, table.guild_id == guild_id)

    async def export_member(self, guild_id: int, user_id: int) -> Any:
        said = MEMORY_COLUMNS.where(
            MemoryRow.guild_id == guild_id, MemoryRow.subject_id == ROOM, MemoryRow.speaker_id == user_id
        )
        return {
            "remembered": [exported(memory, user_id) for memory in await self.of_member(guild_id, user_id)],
            "said_of_the_room": [exported(memory, user_id) for memory in await self._memories(guild_id, said)],
            "proposed": [exported(one, user_id) for one in await self.proposals(guild_id, user_id)],
        }


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


def _in_parts(ids: Collection[str]) -> list[list[str]]:
    named = sorted(set(ids))
    return [named[start : start + NAMED] for start in range(0, len(named), NAMED)]


async def _make_room(session: AsyncSession, guild_id: int) -> None:
    """So that one more is at most `MEMORIES`."""
    here = MemoryRow.guild_id == guild_id
    count = await session.scalar(select(func.count()).select_from(MemoryRow).where(here)) or 0
    if count < MEMORIES:
        return
    least = select(MemoryRow.memory_id).where(here).order_by(MemoryRow.uses, MemoryRow.made_at, MemoryRow.memory_id)
    for some in _in_parts((await session.scalars(least.limit(count - MEMORIES + 1))).all()):
        await delete_rows(session, MemoryRow, here, MemoryRow.memory_id.in_(some))
