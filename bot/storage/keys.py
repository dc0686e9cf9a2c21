"""What an operator does with keys while the bot is stopped: look, change the master key, or give up what a lost one sealed.

`kith check` looks; `kith keys rotate` seals every guild's key with a new master key; `kith keys discard` is the way out for who has lost it.
Nothing here happens by itself.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from bot.errors import SettingError, StorageError
from bot.settings import Settings
from bot.storage.database import Database, parse_address, sqlite_path, why_not
from bot.storage.master_key import key_file, master_key, read_key, sync_folder, write_key
from bot.storage.tables import GuildKeyRow, MemoryRow, ProposalRow, RecapRow, ReminderRow
from bot.storage.vault import KEY_BYTES, must_open, unwrap, wrap

SEALED: Final = (MemoryRow, ProposalRow, RecapRow, ReminderRow)
"""Every table with a `sealed` column."""

QUERY: Final = "SELECT guild_id, wrapped FROM guild_keys"


@dataclass(frozen=True, slots=True)
class SealedRows:
    """How much there is of what the master key protects, by table."""

    guilds: int
    memories: int
    proposals: int
    recap_points: int
    reminders: int

    @property
    def is_empty(self) -> bool:
        return self.guilds + self.memories + self.proposals + self.recap_points + self.reminders == 0

    def __str__(self) -> str:
        return (
            f"{self.memories} memories, {self.proposals} proposals, {self.recap_points} recap points and "
            f"{self.reminders} reminders of {self.guilds} servers"
        )


# ---------------------------------------------------------------------------- look


async def inspect_keys(url: str, key: bytes) -> str:
    """A sentence on whether this master key opens what is there, for `kith check`. Changes nothing. Raises `StorageError` saying what to do."""
    address = parse_address(url)
    path = sqlite_path(address)
    try:
        rows = await (asyncio.to_thread(_rows_of_file, path) if path is not None else _rows_of_server(url))
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise StorageError(why_not(address, error)) from error
    count = must_open(rows, key)
    return f"It opens the keys of {count} servers" if count else "Nothing is sealed with it yet"


def _rows_of_file(path: Path) -> list[tuple[int, bytes]]:
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path.absolute()}?mode=ro", uri=True)) as raw:
        known = raw.execute("SELECT 1 FROM sqlite_master WHERE name = 'guild_keys'").fetchone()
        return list(raw.execute(QUERY)) if known else []


async def _rows_of_server(url: str) -> list[tuple[int, bytes]]:
    engine = create_async_engine(parse_address(url))
    try:
        async with engine.connect() as connection:
            is_there = await connection.run_sync(lambda sync: sync.dialect.has_table(sync, GuildKeyRow.__tablename__))
            if not is_there:
                return []
            return [
                (row.guild_id, row.wrapped) for row in await connection.execute(select(*GuildKeyRow.__table__.columns))
            ]
    finally:
        await engine.dispose()


# ---------------------------------------------------------------------------- change


async def rotate(url: str, old: bytes, new: bytes) -> int:
    """Seal every guild's key with `new`, all of them or none. Answers how many. What is sealed with those keys stays as it is.

    Raises `StorageError`, with nothing changed, if `old` does not open them all. Those that `new` opens already are left: a rotation that
    was cut short is finished by another.
    """
    async with _opened(url) as database, database.transaction() as session:
        rows = [(row.guild_id, row.wrapped) for row in await session.scalars(select(GuildKeyRow))]
        pending = [(guild_id, wrapped) for guild_id, wrapped in rows if unwrap(new, guild_id, wrapped) is None]
        must_open(pending, old)
        for guild_id, wrapped in pending:
            key = unwrap(old, guild_id, wrapped)
            assert key is not None
            again = wrap(new, guild_id, key)
            await session.execute(update(GuildKeyRow).where(GuildKeyRow.guild_id == guild_id).values(wrapped=again))
    async with _opened(url) as database:
        await database.scrub()
    return len(rows)


async def rotate_master_key(settings: Settings, new_key_file: Path | None) -> str:
    """`kith keys rotate [FILE]`, with the bot stopped. Answers with a sentence on what was done and what is left to do.

    Where the master key is our own file beside the database, that file gets the new key. Where a setting gives it, FILE is read, or made
    with a new key, and the operator gives it to the setting. Raises `SettingError`, `StorageError`.
    """
    must_be_there(settings.kith_database_url)
    own = key_file(settings.kith_database_url)
    is_own = settings.kith_master_key is None and own is not None
    if is_own == (new_key_file is not None):
        raise SettingError(
            f"The master key is the file {own}, which is replaced where it is; expected no FILE."
            if is_own
            else "KITH_MASTER_KEY is set; expected a FILE for the new key, to be given to KITH_MASTER_KEY_FILE afterwards."
        )
    if not is_own or own is None:
        assert new_key_file is not None
        count = await rotate(settings.kith_database_url, master_key(settings), _read_or_make(new_key_file))
        return (
            f"The keys of {count} servers are sealed with the key in {new_key_file}. "
            "Give it to KITH_MASTER_KEY_FILE (or its content to KITH_MASTER_KEY) before the next start. Keep the old one as long as you keep older copies of the database."
        )
    following = own.with_name(f"{own.name}.new")
    count = await rotate(settings.kith_database_url, master_key(settings), _read_or_make(following))
    os.replace(following, own)
    sync_folder(own.parent)
    return f"The keys of {count} servers are sealed with a new key, which is in {own}. The old one is gone: older copies of the database open only with a copy of it."


def _read_or_make(path: Path) -> bytes:
    return read_key(path) if path.exists() else write_key(path, secrets.token_bytes(KEY_BYTES))


# ---------------------------------------------------------------------------- give up


async def sealed_rows(url: str) -> SealedRows:
    """How much `discard` would drop. Raises `StorageError`."""
    async with _opened(url) as database, database.transaction() as session:
        counts = [
            await session.scalar(select(func.count()).select_from(table)) or 0 for table in (GuildKeyRow, *SEALED)
        ]
    return SealedRows(*counts)


async def discard(url: str) -> SealedRows:
    """Drop every sealed row and every guild's key: for who has lost the master key. Answers what is gone; agreements, settings and usage stay."""
    async with _opened(url) as database:
        async with database.transaction() as session:
            counts = [
                len((await session.execute(delete(table).returning(table.guild_id))).all())
                for table in (GuildKeyRow, *SEALED)
            ]
        await database.scrub()
    return SealedRows(*counts)


def must_be_there(url: str) -> None:
    """Raises `StorageError` for an address without a file: whoever mistypes it is not to read that all is done."""
    path = sqlite_path(parse_address(url))
    if path is not None and not path.exists():
        raise StorageError(f"There is no database {path}. KITH_DATABASE_URL says where it is; nothing was changed.")


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    must_be_there(url)
    database = await Database.open(url)
    try:
        yield database
    finally:
        await database.close()
