"""What was used and what it cost: a row a day, member and model. Counters only, no content.

The receipt of `/privacy` and the caps of a day are both read from here, so they cannot differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.aggregate import Aggregate
from bot.storage.tables import UsageRow

MONTHS_KEPT: Final = 13
DAYS_KEPT: Final = round(MONTHS_KEPT * 365.25 / 12)
"""So long it is kept what was used on a day."""

NOBODY: Final = 0
"""Whom replies belong to that nobody in particular asked for, and what members used who were erased."""


@dataclass(frozen=True, slots=True)
class Usage:
    """`day` is UTC. Money in millionths of the operator's currency."""

    guild_id: int
    user_id: int
    day: date
    provider: str
    model: str
    heard_ms: int
    spoken_ms: int
    replies: int
    cost_micros: int


class UsageLedger(Aggregate):
    """Raises `StorageError` when the database fails; what returned is on the disk."""

    name: ClassVar = "usage"
    tables: ClassVar = (UsageRow,)

    async def add(self, entries: Sequence[Usage]) -> None:
        """On top of what the day has already; all of them or none."""
        if not entries:
            return
        async with self._database.transaction() as session:
            for entry in entries:
                await _add(session, entry)

    async def of_day(self, guild_id: int, day: date) -> list[Usage]:
        return await self._entries(UsageRow.guild_id == guild_id, UsageRow.day == day)

    async def of_member(self, guild_id: int, user_id: int) -> list[Usage]:
        """Newest day first."""
        return await self._entries(UsageRow.guild_id == guild_id, UsageRow.user_id == user_id)

    async def _entries(self, *conditions: Any) -> list[Usage]:
        query = select(UsageRow).where(*conditions)
        query = query.order_by(UsageRow.day.desc(), UsageRow.user_id, UsageRow.provider, UsageRow.model)
        async with self._database.transaction() as session:
            return [_usage(row) for row in await session.scalars(query)]

    async def clear_out(self, now: datetime) -> int:
        """Days older than `DAYS_KEPT`."""
        before = now.astimezone(UTC).date() - timedelta(days=DAYS_KEPT)
        async with self._database.transaction() as session:
            result: Any = await session.execute(delete(UsageRow).where(UsageRow.day < before))
            return int(result.rowcount)

    # ------------------------------------------------------------------ erase and export

    async def erase_member(self, guild_id: int, user_id: int, session: AsyncSession | None = None) -> None:
        """Their counters become nobody's: the server's caps of today still hold, and nothing says whose seconds they were."""
        if user_id == NOBODY:
            return
        mine = (UsageRow.guild_id == guild_id, UsageRow.user_id == user_id)
        async with self._written(session) as open_session:
            theirs = [_usage(row) for row in await open_session.scalars(select(UsageRow).where(*mine))]
            await open_session.execute(delete(UsageRow).where(*mine))
            for entry in theirs:
                await _add(open_session, entry, NOBODY)

    async def erase_guild(self, guild_id: int, session: AsyncSession | None = None) -> None:
        async with self._written(session) as open_session:
            await open_session.execute(delete(UsageRow).where(UsageRow.guild_id == guild_id))

    async def export_member(self, guild_id: int, user_id: int) -> Any:
        return [
            {
                "day": entry.day.isoformat(),
                "provider": entry.provider,
                "model": entry.model,
                "heard_ms": entry.heard_ms,
                "spoken_ms": entry.spoken_ms,
                "replies": entry.replies,
                "cost_micros": entry.cost_micros,
            }
            for entry in await self.of_member(guild_id, user_id)
        ]


async def _add(session: AsyncSession, entry: Usage, user_id: int | None = None) -> None:
    user = entry.user_id if user_id is None else user_id
    row = await session.get(UsageRow, (entry.guild_id, user, entry.day, entry.provider, entry.model))
    if row is None:
        row = UsageRow(
            guild_id=entry.guild_id,
            user_id=user,
            day=entry.day,
            provider=entry.provider,
            model=entry.model,
            heard_ms=0,
            spoken_ms=0,
            replies=0,
            cost_micros=0,
        )
        session.add(row)
    row.heard_ms += entry.heard_ms
    row.spoken_ms += entry.spoken_ms
    row.replies += entry.replies
    row.cost_micros += entry.cost_micros
    await session.flush()


def _usage(row: UsageRow) -> Usage:
    return Usage(
        row.guild_id,
        row.user_id,
        row.day,
        row.provider,
        row.model,
        row.heard_ms,
        row.spoken_ms,
        row.replies,
        row.cost_micros,
    )
