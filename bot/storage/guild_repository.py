"""Keeping what each guild chose, and who changed it: a value that this Kith does not understand is as if it had not been chosen."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import KithError
from bot.storage.aggregate import Aggregate
from bot.storage.guilds import SETTINGS, GuildSettings, parse_choice
from bot.storage.tables import AuditRow, GuildChoiceRow

AUDIT_KEPT: Final = 1_000
"""Changes of a guild; the oldest goes."""

AUDIT_MONTHS: Final = 13
"""And none is kept longer than the books of what was spent: who did what is nobody's business for ever."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the audit. Values as JSON; `None`: as it comes."""

    user_id: int
    name: str
    before: str | None
    after: str | None
    changed_at: datetime


class GuildSettingsRepository(Aggregate):
    """Raises `StorageError` when the database fails; what returned is on the disk."""

    name: ClassVar = "settings_changed"
    tables: ClassVar = (GuildChoiceRow, AuditRow)

    async def get(self, guild_id: int) -> GuildSettings:
        async with self._database.transaction() as session:
            rows = await session.scalars(select(GuildChoiceRow).where(GuildChoiceRow.guild_id == guild_id))
            stored = {row.name: row.value for row in rows}
        return _settings(guild_id, stored)

    async def choose(
        self,
        guild_id: int,
        name: str,
        value: Any,
        *,
        user_id: int = 0,
        expected: Callable[[GuildSettings], bool] | None = None,
    ) -> Change | None:
        """Another value for one setting, written with its line in the audit. `None`: it was so already.

        `expected` sees what is there now; where it says no, somebody else was faster: raises `KithError` (`error-setting-changed`).
        """
        if name not in SETTINGS:
            raise KithError(f"no setting {name}", key="error-setting-value", name=name, expected="")
        chosen = _json(parse_choice(name, value), name)
        now = datetime.now(UTC)
        # One after the other, whatever the database: `expected` sees what the one before wrote.
        async with self.writing, self._database.transaction() as session:
            rows = await session.scalars(select(GuildChoiceRow).where(GuildChoiceRow.guild_id == guild_id))
            stored = {row.name: row for row in rows}
            if expected is not None and not expected(_settings(guild_id, {n: r.value for n, r in stored.items()})):
                raise KithError(f"{name} was changed in the meantime", key="error-setting-changed")
            before = stored[name].value if name in stored else None
            if before == chosen:
                return None
            if chosen is None:
                await session.delete(stored[name])
            else:
                await session.merge(GuildChoiceRow(guild_id=guild_id, name=name, value=chosen, changed_at=now))
            change_id = secrets.token_hex(16)
            change = Change(user_id, name, before, chosen, now)
            session.add(
                AuditRow(
                    guild_id=guild_id,
                    change_id=change_id,
                    user_id=user_id,
                    name=name,
                    before=before,
                    after=chosen,
                    changed_at=now,
                )
            )
            await _trim(session, guild_id)
        return change

    async def choose_persona(self, guild_id: int, slug: str | None, *, user_id: int = 0) -> Change | None:
        return await self.choose(guild_id, "persona", slug, user_id=user_id)

    async def changes(self, guild_id: int, limit: int = 10) -> list[Change]:
        """The last changes, newest first."""
        async with self._database.transaction() as session:
            rows = await session.scalars(
                select(AuditRow).where(AuditRow.guild_id == guild_id).order_by(AuditRow.changed_at.desc()).limit(limit)
            )
            return [Change(row.user_id, row.name, row.before, row.after, row.changed_at) for row in rows]

    async def clear_out(self, now: datetime) -> int:
        """Lines of the audit that are older than `AUDIT_MONTHS`. What was chosen stays as it is."""
        before = now - timedelta(days=AUDIT_MONTHS * 365.25 / 12)
        async with self._database.transaction() as session:
            result: Any = await session.execute(delete(AuditRow).where(AuditRow.changed_at < before))
            return int(result.rowcount)

    # ------------------------------------------------------------------ erase and export

    async def erase_member(self, guild_id: int, user_id: int, session: AsyncSession | None = None) -> None:
        """That a setting was changed is the guild's and stays, without the id of who changed it."""
        mine = (AuditRow.guild_id == guild_id, AuditRow.user_id == user_id)
        async with self._written(session) as open_session:
            await open_session.execute(update(AuditRow).where(*mine).values(user_id=0))

    async def erase_guild(self, guild_id: int, session: AsyncSession | None = None) -> None:
        async with self._written(session) as open_session:
            for table in self.tables:
                await open_session.execute(delete(table).where(table.guild_id == guild_id))

    async def export_member(self, guild_id: int, user_id: int) -> Any:
        mine = select(AuditRow).where(AuditRow.guild_id == guild_id, AuditRow.user_id == user_id)
        async with self._database.transaction() as session:
            return [
                {"name": row.name, "before": row.before, "after": row.after, "changed_at": row.changed_at.isoformat()}
                for row in await session.scalars(mine.order_by(AuditRow.changed_at))
            ]


async def _trim(session: AsyncSession, guild_id: int) -> None:
    """`AUDIT_KEPT` lines stay."""
    await session.flush()
    here = AuditRow.guild_id == guild_id
    kept = select(AuditRow.change_id).where(here).order_by(AuditRow.changed_at.desc()).limit(AUDIT_KEPT)
    await session.execute(delete(AuditRow).where(here, AuditRow.change_id.not_in(kept)))


def _json(value: Any, name: str) -> str | None:
    """As the database keeps it; `None` for what is as it comes."""
    if value == GuildSettings.model_fields[name].default:
        return None
    return json.dumps(sorted(value) if isinstance(value, frozenset) else value)


def _settings(guild_id: int, stored: dict[str, str]) -> GuildSettings:
    known: dict[str, Any] = {}
    for name, value in stored.items():
        try:
            known[name] = parse_choice(name, json.loads(value))
        except (ValueError, KithError):
            _log.warning("setting_not_understood", setting=name)
    return GuildSettings(guild_id=guild_id, **{name: known[name] for name in SETTINGS if name in known})
