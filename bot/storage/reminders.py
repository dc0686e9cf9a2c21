"""Timers and reminders that members asked for aloud, until they are due. What of, is sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import KithError, StorageError
from bot.storage.aggregate import Aggregate
from bot.storage.database import Database
from bot.storage.tables import ReminderRow
from bot.storage.vault import Vault

REMINDERS: Final = 20
"""Of a member, open."""

TEXT_CHARS: Final = 200
DUE_AT_ONCE: Final = 500

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reminder:
    """Times are aware UTC. `channel_id`: where it was asked for, and where it is written when no call is on."""

    guild_id: int
    reminder_id: str
    user_id: int
    channel_id: int
    text: str
    due_at: datetime
    made_at: datetime


class ReminderRepository(Aggregate):
    """Raises `StorageError` when the database fails; what returned is on the disk."""

    name: ClassVar = "reminders"
    tables: ClassVar = (ReminderRow,)

    def __init__(self, database: Database, vault: Vault) -> None:
        super().__init__(database)
        self._vault = vault

    async def add(self, reminder: Reminder) -> None:
        """Raises `KithError` for a text that is empty or too long, and for a member who has as many as one may."""
        text = _checked(reminder.text)
        cipher = await self._vault.cipher(reminder.guild_id)
        mine = (ReminderRow.guild_id == reminder.guild_id, ReminderRow.user_id == reminder.user_id)
        async with self._database.transaction() as session:
            count = await session.scalar(select(func.count()).select_from(ReminderRow).where(*mine)) or 0
            if count >= REMINDERS:
                raise KithError(
                    f"a member has at most {REMINDERS} reminders", key="error-reminder-many", count=REMINDERS
                )
            session.add(
                ReminderRow(
                    guild_id=reminder.guild_id,
                    reminder_id=reminder.reminder_id,
                    user_id=reminder.user_id,
                    channel_id=reminder.channel_id,
                    sealed=cipher.seal(ReminderRow.__tablename__, reminder.user_id, reminder.reminder_id, text),
                    due_at=reminder.due_at,
                    made_at=reminder.made_at,
                )
            )

    async def due(self, now: datetime) -> list[Reminder]:
        """Of every guild, the longest overdue first; at most `DUE_AT_ONCE`."""
        query = select(ReminderRow).where(ReminderRow.due_at <= now).order_by(ReminderRow.due_at).limit(DUE_AT_ONCE)
        return await self._opened(query)

    async def next_due(self) -> datetime | None:
        async with self._database.transaction() as session:
            return await session.scalar(select(ReminderRow.due_at).order_by(ReminderRow.due_at).limit(1))

    async def of_member(self, guild_id: int, user_id: int) -> list[Reminder]:
        """The soonest first."""
        mine = (ReminderRow.guild_id == guild_id, ReminderRow.user_id == user_id)
        return await self._opened(select(ReminderRow).where(*mine).order_by(ReminderRow.due_at))

    async def remove(self, guild_id: int, reminder_id: str) -> bool:
        """Done or called off. False: there was none."""
        query = delete(ReminderRow).where(ReminderRow.guild_id == guild_id, ReminderRow.reminder_id == reminder_id)
        async with self._database.transaction() as session:
            result: Any = await session.execute(query)
        if result.rowcount:
            await self._database.scrub(at_once=False)
        return bool(result.rowcount)

    async def _opened(self, query: Any) -> list[Reminder]:
        """One that does not open is told without its words: that something is due matters more."""
        async with self._database.transaction() as session:
            rows = (await session.scalars(query)).all()
        found = []
        for row in rows:
            try:
                cipher = await self._vault.cipher(row.guild_id)
                text = cipher.open(ReminderRow.__tablename__, row.user_id, row.reminder_id, row.sealed)
            except StorageError:
                _log.error("sealed_rows_do_not_open", count=1)
                text = ""
            found.append(
                Reminder(row.guild_id, row.reminder_id, row.user_id, row.channel_id, text, row.due_at, row.made_at)
            )
        return found

    # ------------------------------------------------------------------ erase and export

    async def erase_member(self, guild_id: int, user_id: int, session: AsyncSession | None = None) -> None:
        mine = (ReminderRow.guild_id == guild_id, ReminderRow.user_id == user_id)
        async with self._written(session) as open_session:
            await open_session.execute(delete(ReminderRow).where(*mine))

    async def erase_guild(self, guild_id: int, session: AsyncSession | None = None) -> None:
        async with self._written(session) as open_session:
            await open_session.execute(delete(ReminderRow).where(ReminderRow.guild_id == guild_id))

    async def export_member(self, guild_id: int, user_id: int) -> Any:
        return [
            {
                "text": one.text,
                "channel_id": str(one.channel_id),
                "due_at": one.due_at.isoformat(),
                "made_at": one.made_at.isoformat(),
            }
            for one in await self.of_member(guild_id, user_id)
        ]


def _checked(text: str) -> str:
    tidy = text.strip()
    if not tidy:
        raise KithError("an empty reminder", key="error-reminder-empty")
    if len(tidy) > TEXT_CHARS:
        raise KithError(
            f"a reminder of {len(tidy)} characters; expected at most {TEXT_CHARS}",
            key="error-reminder-long",
            length=len(tidy),
            limit=TEXT_CHARS,
        )
    return tidy
