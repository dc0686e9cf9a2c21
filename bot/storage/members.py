"""What a member chose for themselves in a guild (`memory-paused`): a row each, a JSON value. What has no row is as it comes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.aggregate import Aggregate
from bot.storage.tables import MemberChoiceRow

NAME_CHARS: Final = 48
VALUE_CHARS: Final = 1_000


class MemberChoices(Aggregate):
    """Raises `StorageError` when the database fails; what returned is on the disk. Names come from code, never from a member."""

    name: ClassVar = "choices"
    tables: ClassVar = (MemberChoiceRow,)

    async def get(self, guild_id: int, user_id: int, name: str) -> Any | None:
        async with self._database.transaction() as session:
            row = await session.get(MemberChoiceRow, (guild_id, user_id, name))
            return None if row is None else _value(row)

    async def put(self, guild_id: int, user_id: int, name: str, value: Any | None) -> None:
        """`None`: as it comes. Raises `ValueError` for a name or a value that has no place in a row."""
        encoded = json.dumps(value)
        if len(name) > NAME_CHARS or len(encoded) > VALUE_CHARS:
            raise ValueError(f"expected a name of at most {NAME_CHARS} and a value of at most {VALUE_CHARS} characters")
        async with self._database.transaction() as session:
            if value is None:
                key = (MemberChoiceRow.guild_id == guild_id, MemberChoiceRow.user_id == user_id)
                await session.execute(delete(MemberChoiceRow).where(*key, MemberChoiceRow.name == name))
                return
            await session.merge(
                MemberChoiceRow(
                    guild_id=guild_id, user_id=user_id, name=name, value=encoded, changed_at=datetime.now(UTC)
                )
            )

    async def all_of(self, guild_id: int, name: str) -> dict[int, Any]:
        """Everybody of the guild who chose something here."""
        query = select(MemberChoiceRow).where(MemberChoiceRow.guild_id == guild_id, MemberChoiceRow.name == name)
        async with self._database.transaction() as session:
            return {row.user_id: _value(row) for row in await session.scalars(query)}

    # ------------------------------------------------------------------ erase and export

    async def erase_member(self, guild_id: int, user_id: int, session: AsyncSession | None = None) -> None:
        mine = (MemberChoiceRow.guild_id == guild_id, MemberChoiceRow.user_id == user_id)
        async with self._written(session) as open_session:
            await open_session.execute(delete(MemberChoiceRow).where(*mine))

    async def erase_guild(self, guild_id: int, session: AsyncSession | None = None) -> None:
        async with self._written(session) as open_session:
            await open_session.execute(delete(MemberChoiceRow).where(MemberChoiceRow.guild_id == guild_id))

    async def export_member(self, guild_id: int, user_id: int) -> Any:
        query = select(MemberChoiceRow).where(MemberChoiceRow.guild_id == guild_id, MemberChoiceRow.user_id == user_id)
        async with self._database.transaction() as session:
            return {row.name: _value(row) for row in await session.scalars(query)}


def _value(row: MemberChoiceRow) -> Any:
    return json.loads(row.value)
