"""The personas that guilds made or imported, and who speaks in which channel and for which member.

A persona's document is JSON that this module does not read; a card that it came from stands beside it, for a lossless export. Everything is the
guild's: keyed by it, bounded for it, gone with it.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2s
from typing import Any, ClassVar, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import KithError
from bot.storage.aggregate import Aggregate
from bot.storage.tables import ChannelPersonaRow, GuildPersonaRow, MemberPersonaRow, PersonaFilesRow

PERSONAS: Final = 64
"""Of one guild."""

GUILD_FILES_BYTES: Final = 32 * 1024 * 1024
"""Of the pictures and files of all of a guild's personas."""

ALL_FILES_BYTES: Final = 128 * 1024 * 1024
"""Of all guilds' together: forgetting writes SQLite's file anew, about 15 ms a MiB, and is done within five seconds."""

WAITING_DAYS: Final = 90
"""So long a persona waits for approval after it was last written; what nobody wanted for so long takes no place from another."""

CHOICES: Final = 500
"""Channels of a guild with somebody of their own: as many as a guild has channels."""


class Decision(StrEnum):
    """What became of a word about a persona that waits."""

    DONE = "done"
    SETTLED = "settled"  # nothing of that name waits (any more)
    CHANGED = "changed"  # it is not what was decided about


def mark_of(document: str) -> str:
    """Tells one version of a persona from every other, in 22 characters, which leave room in the id of a button. 128 bits: whoever writes both
    versions may try many, and of 64 bits two alike are found within the hour."""
    return urlsafe_b64encode(blake2s(document.encode(), digest_size=16).digest()).decode().rstrip("=")


class Scope(StrEnum):
    """Whom a choice is for: a whole server, one channel, or one member when nobody else is there."""

    SERVER = "server"
    CHANNEL = "channel"
    ME = "me"


@dataclass(frozen=True, slots=True)
class StoredPersona:
    slug: str
    document: str
    card: str | None
    made_by: int
    is_approved: bool


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """What a card brought besides its text; `assets`: an archive that this module does not open."""

    format: str
    picture: bytes | None = None
    picture_path: str = ""
    assets: bytes | None = None

    @property
    def size_bytes(self) -> int:
        return len(self.picture or b"") + len(self.assets or b"")


class PersonaRepository(Aggregate):
    """Raises `StorageError` when the database fails; what returned is on the disk."""

    name: ClassVar = "personas"
    tables: ClassVar = (GuildPersonaRow, PersonaFilesRow, ChannelPersonaRow, MemberPersonaRow)

    async def all(self, guild_id: int) -> list[StoredPersona]:
        """Without their cards, which are many times as large: `card`."""
        row = GuildPersonaRow
        query = select(row.slug, row.document, row.made_by, row.is_approved).where(row.guild_id == guild_id)
        async with self._database.transaction() as session:
            rows = await session.execute(query.order_by(row.slug))
            return [StoredPersona(slug, document, None, maker, is_ok) for slug, document, maker, is_ok in rows]

    async def card(self, guild_id: int, slug: str) -> str | None:
        """The card that the persona came from, as JSON; `None`: it came from none, or is nobody's."""
        async with self._database.transaction() as session:
            query = select(GuildPersonaRow.card)
            return await session.scalar(query.where(GuildPersonaRow.guild_id == guild_id, GuildPersonaRow.slug == slug))

    async def add(self, guild_id: int, persona: StoredPersona, files: StoredFiles | None = None) -> bool:
        """A new one. False: it is kept, but there was no room for its files.

        Raises `KithError` when the guild has as many as it may, or has this slug already.
        """
        now = datetime.now(UTC)
        async with self._database.transaction() as session:
            if await session.get(GuildPersonaRow, (guild_id, persona.slug)) is not None:
                raise KithError(f"the persona {persona.slug} is there already", key="error-persona-twice")
            query = select(func.count()).select_from(GuildPersonaRow).where(GuildPersonaRow.guild_id == guild_id)
            if (await session.scalar(query) or 0) >= PERSONAS:
                raise KithError(f"a server has at most {PERSONAS} personas", key="error-persona-many", count=PERSONAS)
            session.add(
                GuildPersonaRow(
                    guild_id=guild_id,
                    slug=persona.slug,
                    document=persona.document,
                    card=persona.card,
                    made_by=persona.made_by,
                    is_approved=persona.is_approved,
                    made_at=now,
                    updated_at=now,
                )
            )
            return files is None or await _add_files(session, guild_id, persona.slug, files)

    async def picture(self, guild_id: int, slug: str) -> bytes | None:
        """The picture alone."""
        async with self._database.transaction() as session:
            query = select(PersonaFilesRow.picture)
            return await session.scalar(query.where(PersonaFilesRow.guild_id == guild_id, PersonaFilesRow.slug == slug))

    async def files(self, guild_id: int, slug: str) -> StoredFiles | None:
        """All that the persona's card brought; up to 6 MiB. `None`: it came without any container, or is nobody's."""
        async with self._database.transaction() as session:
            row = await session.get(PersonaFilesRow, (guild_id, slug))
            return None if row is None else StoredFiles(row.format, row.picture, row.picture_path, row.assets)

    async def change(self, guild_id: int, slug: str, document: str, *, is_approved: bool) -> bool:
        """A new document in the old one's place. False: there is none."""
        async with self._database.transaction() as session:
            result = await session.execute(
                update(GuildPersonaRow)
                .where(GuildPersonaRow.guild_id == guild_id, GuildPersonaRow.slug == slug)
                .values(updated_at=datetime.now(UTC), document=document, is_approved=is_approved)
                .returning(GuildPersonaRow.slug)
            )
            return result.first() is not None

    async def decide(self, guild_id: int, slug: str, mark: str, *, is_approved: bool) -> Decision:
        """Approved, or gone; if it still waits, and still is what has this mark (`mark_of` its document)."""
        async with self._database.transaction() as session:
            row = await session.get(GuildPersonaRow, (guild_id, slug), with_for_update=True)
            if row is None or row.is_approved:
                return Decision.SETTLED
            if mark_of(row.document) != mark:
                return Decision.CHANGED
            if is_approved:
                row.is_approved, row.updated_at = True, datetime.now(UTC)
            else:
                await _delete(session, row)
            return Decision.DONE

    async def delete(self, guild_id: int, slug: str) -> bool:
        """The persona, its files, and every choice of it. False: there is none."""
        async with self._database.transaction() as session:
            row = await session.get(GuildPersonaRow, (guild_id, slug), with_for_update=True)
            if row is not None:
                await _delete(session, row)
            return row is not None

    async def clear_out(self, now: datetime) -> int:
        """Personas that have waited for approval for `WAITING_DAYS`, as `delete` takes them away."""
        async with self._database.transaction() as session:
            query = select(GuildPersonaRow).where(
                GuildPersonaRow.is_approved.is_(False),
                GuildPersonaRow.updated_at < now - timedelta(days=WAITING_DAYS),
            )
            found = (await session.scalars(query)).all()
            for row in found:
                await _delete(session, row)
            return len(found)

    # ------------------------------------------------------------------ who speaks where

    async def choose_for_channel(self, guild_id: int, channel_id: int, slug: str | None) -> None:
        """`None`: whoever the server chose."""
        async with self._database.transaction() as session:
            if slug is None:
                await session.execute(
                    delete(ChannelPersonaRow).where(
                        ChannelPersonaRow.guild_id == guild_id, ChannelPersonaRow.channel_id == channel_id
                    )
                )
                return
            query = select(func.count()).select_from(ChannelPersonaRow).where(ChannelPersonaRow.guild_id == guild_id)
            if (await session.scalar(query) or 0) >= CHOICES:
                raise KithError(
                    "too many channels with a persona of their own", key="error-persona-many", count=CHOICES
                )
            await session.merge(ChannelPersonaRow(guild_id=guild_id, channel_id=channel_id, slug=slug))

    async def choose_for_member(self, guild_id: int, user_id: int, slug: str | None) -> None:
        async with self._database.transaction() as session:
            if slug is None:
                await session.execute(
                    delete(MemberPersonaRow).where(
                        MemberPersonaRow.guild_id == guild_id, MemberPersonaRow.user_id == user_id
                    )
                )
                return
            await session.merge(MemberPersonaRow(guild_id=guild_id, user_id=user_id, slug=slug))

    async def chosen(self, guild_id: int, channel_id: int, user_id: int | None) -> tuple[str | None, str | None]:
        """What was chosen for this channel, and for this member."""
        async with self._database.transaction() as session:
            channel = await session.get(ChannelPersonaRow, (guild_id, channel_id))
            member = await session.get(MemberPersonaRow, (guild_id, user_id)) if user_id is not None else None
            return channel.slug if channel else None, member.slug if member else None

    # ------------------------------------------------------------------ erase and export

    async def erase_guild(self, guild_id: int, session: AsyncSession | None = None) -> None:
        async with self._written(session) as open_session:
            for table in self.tables:
                await open_session.execute(delete(table).where(table.guild_id == guild_id))

    async def erase_member(self, guild_id: int, user_id: int, session: AsyncSession | None = None) -> None:
        """What a member chose for themselves goes; personas they made are the guild's and stay, without their maker's id."""
        async with self._written(session) as open_session:
            await open_session.execute(
                delete(MemberPersonaRow).where(
                    MemberPersonaRow.guild_id == guild_id, MemberPersonaRow.user_id == user_id
                )
            )
            await open_session.execute(
                update(GuildPersonaRow)
                .where(GuildPersonaRow.guild_id == guild_id, GuildPersonaRow.made_by == user_id)
                .values(made_by=0)
            )

    async def export_member(self, guild_id: int, user_id: int) -> dict[str, Any]:
        """What is kept about a member here."""
        async with self._database.transaction() as session:
            own = await session.get(MemberPersonaRow, (guild_id, user_id))
            made = await session.scalars(
                select(GuildPersonaRow.slug).where(
                    GuildPersonaRow.guild_id == guild_id, GuildPersonaRow.made_by == user_id
                )
            )
            return {"persona": own.slug if own else None, "personas_made": sorted(made)}


async def _delete(session: AsyncSession, row: GuildPersonaRow) -> None:
    await session.delete(row)
    for table in (PersonaFilesRow, ChannelPersonaRow, MemberPersonaRow):
        await session.execute(delete(table).where(table.guild_id == row.guild_id, table.slug == row.slug))


async def _add_files(session: AsyncSession, guild_id: int, slug: str, files: StoredFiles) -> bool:
    """Where there is no room, what it came as is still noted."""
    total = func.coalesce(func.sum(PersonaFilesRow.size_bytes), 0)
    here = await session.scalar(select(total).where(PersonaFilesRow.guild_id == guild_id)) or 0
    everywhere = await session.scalar(select(total)) or 0
    is_room = here + files.size_bytes <= GUILD_FILES_BYTES and everywhere + files.size_bytes <= ALL_FILES_BYTES
    kept = files if is_room else StoredFiles(files.format)
    session.add(
        PersonaFilesRow(
            guild_id=guild_id,
            slug=slug,
            format=kept.format,
            picture_path=kept.picture_path,
            size_bytes=kept.size_bytes,
            picture=kept.picture,
            assets=kept.assets,
        )
    )
    return is_room
