"""Looking at a database without touching it, for `kith check`: a bot that is running may have it open."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine as create_sync_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from bot.errors import StorageError
from bot.storage.database import check_is_file, look_over, parse_address, shown, sqlite_path, why_not
from bot.storage.schema import newest_revision, revision_of

MEGABYTE: Final = 1024 * 1024
SPARE_BYTES: Final = 16 * MEGABYTE
"""For the write-ahead log, and for what is written meanwhile."""


async def inspect_database(url: str) -> str:
    """A sentence on the state of the database. Raises `StorageError` for what `Database.open` would refuse."""
    address = parse_address(url)
    path = sqlite_path(address)
    if path is None:
        return await _inspect_server(address)
    if not path.exists():
        return _not_there_yet(path)
    return await asyncio.to_thread(_inspect_file, address, path)


def must_have_room(url: str) -> None:
    """Raises `StorageError` for a disk that is nearly full: what is forgotten goes only when the file can be written anew beside itself."""
    path = sqlite_path(parse_address(url))
    if path is None:
        return
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    size = path.stat().st_size if path.exists() else 0
    free = shutil.disk_usage(folder).free
    if free < size + SPARE_BYTES:
        raise StorageError(
            f"The disk of {path} has {free // MEGABYTE} MB left, and {(size + SPARE_BYTES) // MEGABYTE} MB are needed: "
            "what members forget goes when the file is written anew. Make room."
        )


def _not_there_yet(path: Path) -> str:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise StorageError(f"The database {path} cannot be made: {folder} is not a folder that may be written to.")
    return f"{path} does not exist yet; it is made at the first start"


def _inspect_file(address: URL, path: Path) -> str:
    check_is_file(path)
    if not os.access(path, os.W_OK):
        raise StorageError(f"The database {path} may not be written to. Check the rights on file and folder.")
    engine = create_sync_engine(
        "sqlite://", creator=lambda: sqlite3.connect(f"file:{path.absolute()}?mode=ro", uri=True)
    )
    try:
        with engine.connect() as connection:
            look_over(connection)
            return _state(revision_of(connection), str(path))
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise StorageError(why_not(address, error)) from error
    finally:
        engine.dispose()


async def _inspect_server(address: URL) -> str:
    place = shown(address)
    engine = create_async_engine(address)
    try:
        async with engine.connect() as connection:
            return _state(await connection.run_sync(revision_of), place)
    except (SQLAlchemyError, OSError) as error:
        raise StorageError(why_not(address, error)) from error
    finally:
        await engine.dispose()


def _state(revision: str | None, place: str) -> str:
    if revision is None:
        return f"{place} is empty; it gets its tables at the next start"
    if revision != newest_revision():
        return f"{place} has the older schema {revision}; it is brought to {newest_revision()} at the next start"
    return f"{place} is whole and has the newest schema ({revision})"
