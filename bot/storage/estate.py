"""All that is kept, as one: erasing a member or a guild from it, telling a member what there is of them, and letting go of what is old.

An erase is one transaction over every table, so that a crash leaves all or nothing of it; when it returns, the write-ahead log is empty and the
deleted rows are overwritten. The agreement to be heard ends in memory first, before the disk is asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, union
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.aggregate import Aggregate
from bot.storage.database import Database


class Estate:
    """Give it every aggregate of the house: a test compares them with the tables. Raises `StorageError`; then nothing was erased."""

    def __init__(self, database: Database, aggregates: Sequence[Aggregate]) -> None:
        self._database = database
        self.aggregates = tuple(aggregates)

    async def erase_member(self, guild_id: int, user_id: int) -> None:
        """No table of this guild names the member any more. Erasing twice is as good as once."""
        async with self._everything(guild_id, user_id) as session:
            for aggregate in self.aggregates:
                await aggregate.erase_member(guild_id, user_id, session)
        await self._database.scrub()

    async def erase_guild(self, guild_id: int) -> None:
        """No row of this guild is left, and no key that would open a copy of one."""
        async with self._everything(guild_id, None) as session:
            for aggregate in self.aggregates:
                await aggregate.erase_guild(guild_id, session)
        await self._database.scrub()

    async def clear_out(self, now: datetime) -> int:
        """What has had its time, in every table that has a rule of its own for that. Answers how many rows went."""
        return sum([await aggregate.clear_out(now) for aggregate in self.aggregates])

    async def export_member(self, guild_id: int, user_id: int) -> dict[str, Any]:
        """As JSON takes it: a part an aggregate, by its name. Ids as text, since 64 bits do not fit into the numbers of every reader."""
        parts = {one.name: await one.export_member(guild_id, user_id) for one in self.aggregates}
        return {
            "guild_id": str(guild_id),
            "user_id": str(user_id),
            "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
            **{name: part for name, part in parts.items() if part is not None},
        }

    async def guild_ids(self) -> frozenset[int]:
        """Every guild that some row is of."""
        tables = [table for aggregate in self.aggregates for table in aggregate.tables]
        query = union(*(select(table.__table__.c.guild_id) for table in tables))
        async with self._database.transaction() as session:
            return frozenset(await session.scalars(query))

    @asynccontextmanager
    async def _everything(self, guild_id: int, user_id: int | None) -> AsyncIterator[AsyncSession]:
        """Memory, then every aggregate's own lock, then the database: the order in which they take them themselves."""
        for aggregate in self.aggregates:
            aggregate.let_go(guild_id, user_id)
        async with AsyncExitStack() as stack:
            for aggregate in self.aggregates:
                await stack.enter_async_context(aggregate.writing)
            yield await stack.enter_async_context(self._database.transaction())
