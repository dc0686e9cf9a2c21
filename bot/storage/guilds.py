"""What each guild chose: its persona, and the roles that may choose it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete

from bot.storage.database import Database
from bot.storage.tables import CallRow, GuildSettingsRow


@dataclass(frozen=True, slots=True)
class GuildSettings:
    """`persona` is a slug, or `None` for the operator's default."""

    guild_id: int
    persona: str | None = None
    manager_role_ids: frozenset[int] = frozenset()
    approves_personas: bool = False
    """Personas that members make wait for somebody who may choose the persona."""


class GuildSettingsRepository:
    """Raises `StorageError` when the database fails; what returned is on the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, guild_id: int) -> GuildSettings:
        async with self._database.transaction() as session:
            row = await session.get(GuildSettingsRow, guild_id)
        if row is None:
            return GuildSettings(guild_id)
        return GuildSettings(guild_id, row.persona, frozenset(row.manager_role_ids), row.approves_personas)

    async def choose_persona(self, guild_id: int, slug: str | None) -> None:
        async with self._database.transaction() as session:
            row = await session.get(GuildSettingsRow, guild_id)
            if row is None:
                session.add(row := GuildSettingsRow(guild_id=guild_id, manager_role_ids=[]))
            row.persona = slug
            row.updated_at = datetime.now(UTC)

    async def name_managers(self, guild_id: int, role_ids: Iterable[int]) -> None:
        """These roles may choose the persona, besides whoever may manage the server."""
        async with self._database.transaction() as session:
            row = await session.get(GuildSettingsRow, guild_id)
            if row is None:
                session.add(row := GuildSettingsRow(guild_id=guild_id))
            row.manager_role_ids = sorted(set(role_ids))
            row.updated_at = datetime.now(UTC)

    async def ask_approval(self, guild_id: int, is_asked: bool) -> None:
        """Whether personas that members make wait for approval."""
        async with self._database.transaction() as session:
            row = await session.get(GuildSettingsRow, guild_id)
            if row is None:
                session.add(row := GuildSettingsRow(guild_id=guild_id, manager_role_ids=[]))
            row.approves_personas = is_asked
            row.updated_at = datetime.now(UTC)

    async def forget(self, guild_id: int) -> None:
        """The guild is gone: its choices and its calls go too. (Its members' agreement: `ConsentLedger.forget_guild`.)"""
        async with self._database.transaction() as session:
            await session.execute(delete(GuildSettingsRow).where(GuildSettingsRow.guild_id == guild_id))
            await session.execute(delete(CallRow).where(CallRow.guild_id == guild_id))
