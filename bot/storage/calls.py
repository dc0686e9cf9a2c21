"""The log of calls: when and where the companion was, and why it left. Neither who was there nor what was said."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.aggregate import Aggregate
from bot.storage.tables import CallRow

REASON_LIMIT: Final = 64
DAYS_KEPT: Final = 90
"""After its beginning a call is known for so long: enough to look into a complaint, and no diary of when a room is in use."""


@dataclass(frozen=True, slots=True)
class LoggedCall:
    guild_id: int
    call_id: str
    channel_id: int
    started_at: datetime
    ended_at: datetime | None
    end_reason: str | None


class CallLog(Aggregate):
    """Raises `StorageError` when the database fails; a call itself never depends on it."""

    name: ClassVar = "calls"
    tables: ClassVar = (CallRow,)

    async def started(self, guild_id: int, channel_id: int) -> str:
        """Note that a call began; the answer is its id."""
        call_id = secrets.token_hex(16)
        async with self._database.transaction() as session:
            session.add(
                CallRow(guild_id=guild_id, call_id=call_id, channel_id=channel_id, started_at=datetime.now(UTC))
            )
        return call_id

    async def ended(self, guild_id: int, call_id: str, reason: str) -> None:
        async with self._database.transaction() as session:
            row = await session.get(CallRow, (guild_id, call_id))
            if row is not None and row.ended_at is None:
                row.ended_at = datetime.now(UTC)
                row.end_reason = reason[:REASON_LIMIT]

    async def end_forgotten(self, reason: str = "stopped without goodbye") -> int:
        """At start: calls that a crash left open are over. Answers how many there were."""
        async with self._database.transaction() as session:
            result = await session.execute(
                update(CallRow)
                .where(CallRow.ended_at.is_(None))
                .values(ended_at=datetime.now(UTC), end_reason=reason)
                .returning(CallRow.call_id)
            )
            return len(result.all())

    async def recent(self, guild_id: int, limit: int = 10) -> list[LoggedCall]:
        """The guild's last calls, newest first."""
        async with self._database.transaction() as session:
            rows = await session.scalars(
                select(CallRow).where(CallRow.guild_id == guild_id).order_by(CallRow.started_at.desc()).limit(limit)
            )
            return [
                LoggedCall(row.guild_id, row.call_id, row.channel_id, row.started_at, row.ended_at, row.end_reason)
                for row in rows
            ]

    async def clear_out(self, now: datetime) -> int:
        """Calls that began more than `DAYS_KEPT` days ago."""
        async with self._database.transaction() as session:
            result: Any = await session.execute(
                delete(CallRow).where(CallRow.started_at < now - timedelta(days=DAYS_KEPT))
            )
            return int(result.rowcount)

    # ------------------------------------------------------------------ erase and export

    async def erase_member(self, guild_id: int, user_id: int, session: AsyncSession | None = None) -> None:
        """No call says who was there."""

    async def erase_guild(self, guild_id: int, session: AsyncSession | None = None) -> None:
        async with self._written(session) as open_session:
            await open_session.execute(delete(CallRow).where(CallRow.guild_id == guild_id))

    async def export_member(self, guild_id: int, user_id: int) -> Any:
        return None
