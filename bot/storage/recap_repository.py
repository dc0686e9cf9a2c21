"""Keeping the points of talks, for a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.aggregate import Aggregate
from bot.storage.database import Database
from bot.storage.memories import RecapPoint
from bot.storage.memory_rows import RECAP_COLUMNS, delete_rows, opened, recap_in, recap_row, unhear
from bot.storage.tables import RecapRow
from bot.storage.vault import Vault

RECAP_POINTS: Final = 500
"""Of a guild; the oldest goes."""


class RecapRepository(Aggregate):
    """Points of talks, for a day. Raises `StorageError` when the database fails."""

    name: ClassVar = "recaps"
    tables: ClassVar = (RecapRow,)

    def __init__(self, database: Database, vault: Vault) -> None:
        super().__init__(database)
        self._vault = vault

    async def add(self, points: Sequence[RecapPoint]) -> None:
        """All of them or none. Above `RECAP_POINTS` of a guild the oldest goes. Raises `KithError` for a text."""
        rows = [recap_row(await self._vault.cipher(point.guild_id), point) for point in points]
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
                    await delete_rows(session, RecapRow, here, RecapRow.point_id.not_in(kept))

    async def of_channel(self, guild_id: int, channel_id: int, now: datetime) -> list[RecapPoint]:
        """What may still be told, oldest first. Whether it may be told to this room is for the caller to say (`heard_by`)."""
        return await self._points(guild_id, RecapRow.channel_id == channel_id, RecapRow.expires_at > now)

    async def _points(self, guild_id: int, *conditions: Any) -> list[RecapPoint]:
        cipher = await self._vault.cipher(guild_id)
        query = RECAP_COLUMNS.where(RecapRow.guild_id == guild_id, *conditions)
        async with self._database.transaction() as session:
            rows = (await session.execute(query.order_by(RecapRow.made_at, RecapRow.point_id))).all()
        return opened(cipher, rows, recap_in)

    async def forget(self, guild_id: int, user_id: int) -> int:
        """Every point by this member; gone from the files when it returns."""
        async with self._database.transaction() as session:
            count = await delete_rows(session, RecapRow, RecapRow.guild_id == guild_id, RecapRow.user_id == user_id)
        await self._database.scrub()
        return count

    # ------------------------------------------------------------------ erase and export

    async def erase_member(self, guild_id: int, user_id: int, session: AsyncSession | None = None) -> None:
        async with self._written(session) as open_session:
            await delete_rows(open_session, RecapRow, RecapRow.guild_id == guild_id, RecapRow.user_id == user_id)
            await unhear(open_session, RecapRow, guild_id, user_id)

    async def erase_guild(self, guild_id: int, session: AsyncSession | None = None) -> None:
        async with self._written(session) as open_session:
            await delete_rows(open_session, RecapRow, RecapRow.guild_id == guild_id)

    async def export_member(self, guild_id: int, user_id: int) -> Any:
        points = await self._points(guild_id, RecapRow.user_id == user_id)
        return [
            {"text": point.text, "made_at": point.made_at.isoformat(), "expires_at": point.expires_at.isoformat()}
            for point in points
        ]
