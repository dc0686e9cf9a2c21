"""Timers and reminders that members asked for aloud, until they were told. What of, is sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import KithError, StorageError
from bot.storage.aggregate import Aggregate
from bot.storage.database import Database
from bot.storage.memory_rows import unhear
from bot.storage.tables import ReminderRow
from bot.storage.vault import Vault

REMINDERS: Final = 20
"""Of a member, to come; and so many that were told, whose words wait for them."""

TEXT_CHARS: Final = 200
DUE_AT_ONCE: Final = 500
WAITING_DAYS: Final = 7
"""So long after its time the words of a reminder wait for whoever asked."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reminder:
    """Times are aware UTC.

    Attributes:
        channel_id: where it was asked for, and where it is written when no call is on.
        heard_by: who heard what of; whoever asked is always among them.
        language: of whoever asked (`en`, `zh-CN`), as it was heard; empty: not known.
        told_at: since when its words wait for whoever asked; `None`: it is to come.
    """

    guild_id: int
    reminder_id: str
    user_id: int
    channel_id: int
    text: str
    due_at: datetime
    made_at: datetime
    heard_by: frozenset[int] = frozenset()
    language: str = ""
    told_at: datetime | None = None


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
        to_come = ReminderRow.told_at.is_(None)
        async with self._database.transaction() as session:
            count = await session.scalar(select(func.count()).select_from(ReminderRow).where(*mine, to_come)) or 0
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
                    heard_by=sorted(reminder.heard_by | {reminder.user_id}),
                    language=reminder.language,
                    sealed=cipher.seal(ReminderRow.__tablename__, reminder.user_id, reminder.reminder_id, text),
                    due_at=reminder.due_at,
                    made_at=reminder.made_at,
                    told_at=reminder.told_at,
                )
            )

    async def due(self, now: datetime) -> list[Reminder]:
        """Of every guild, what is to be told now, the longest overdue first; at most `DUE_AT_ONCE`."""
        query = select(ReminderRow).where(ReminderRow.due_at <= now, ReminderRow.told_at.is_(None))
        return await self._opened(query.order_by(ReminderRow.due_at).limit(DUE_AT_ONCE))

    async def next_due(self) -> datetime | None:
        query = select(ReminderRow.due_at).where(ReminderRow.told_at.is_(None)).order_by(ReminderRow.due_at).limit(1)
        async with self._database.transaction() as session:
            return await session.scalar(query)

    async def of_member(self, guild_id: int, user_id: int) -> list[Reminder]:
        """The soonest first: those that were told and wait for them, and those to come."""
        mine = (ReminderRow.guild_id == guild_id, ReminderRow.user_id == user_id)
        return await self._opened(select(ReminderRow).where(*mine).order_by(ReminderRow.due_at))

    async def keep_waiting(self, reminder: Reminder, told_at: datetime) -> None:
        """It was told that there is something; what, waits for whoever asked. Of those of a member that wait, the newest `REMINDERS` stay."""
        mine = (ReminderRow.guild_id == reminder.guild_id, ReminderRow.user_id == reminder.user_id)
        waiting = (*mine, ReminderRow.told_at.is_not(None))
        async with self._database.transaction() as session:
            this = ReminderRow.reminder_id == reminder.reminder_id
            await session.execute(update(ReminderRow).where(*mine, this).values(told_at=told_at))
            newest = select(ReminderRow.reminder_id).where(*waiting)
            newest = newest.order_by(ReminderRow.told_at.desc(), ReminderRow.reminder_id).limit(REMINDERS)
            kept = (await session.scalars(newest)).all()
            await session.execute(delete(ReminderRow).where(*waiting, ReminderRow.reminder_id.not_in(kept)))

    async def clear_out(self, now: datetime) -> int:
        """What has waited for `WAITING_DAYS`, and what could be told to nobody for as long."""
        query = delete(ReminderRow).where(ReminderRow.due_at < now - timedelta(days=WAITING_DAYS))
        async with self._database.transaction() as session:
            result: Any = await session.execute(query)
        if result.rowcount:
            await self._database.scrub(at_once=False)
        return int(result.rowcount)

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
                Reminder(
                    row.guild_id,
                    row.reminder_id,
                    row.user_id,
                    row.channel_id,
                    text,
                    row.due_at,
                    row.made_at,
                    frozenset(row.heard_by) | {row.user_id},
                    row.language,
                    row.told_at,
                )
            )
        return found

    # ------------------------------------------------------------------ erase and export

    async def erase_member(self, guild_id: int, user_id: int, session: AsyncSession | None = None) -> None:
        """Theirs go; those of others forget that this member heard them, so that they are told to fewer rooms than before."""
        mine = (ReminderRow.guild_id == guild_id, ReminderRow.user_id == user_id)
        async with self._written(session) as open_session:
            await open_session.execute(delete(ReminderRow).where(*mine))
            await unhear(open_session, ReminderRow, guild_id, user_id)

    async def erase_guild(self, guild_id: int, session: AsyncSession | None = None) -> None:
        async with self._written(session) as open_session:
            await open_session.execute(delete(ReminderRow).where(ReminderRow.guild_id == guild_id))

    async def export_member(self, guild_id: int, user_id: int) -> Any:
        return [
            {
                "text": one.text,
                "channel_id": str(one.channel_id),
                "heard_by": len(one.heard_by),
                "language": one.language,
                "due_at": one.due_at.isoformat(),
                "made_at": one.made_at.isoformat(),
                "told_at": one.told_at.isoformat() if one.told_at is not None else None,
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
