"""The database: opened, brought to the newest schema, or refused with a sentence that says why and what to do.

Opening goes in steps: the folder is made; the file is taken (`lock`) and looked over (`quick_check`); a schema of a newer Kith and a file of another
program are refused; migrations run, each in a transaction of its own, so that a crash leaves the old schema or the new one.

SQLite is used through a single connection: one writer, so nobody waits for a lock and nobody else checkpoints, which keeps us clear
of the WAL reset bug of SQLite before 3.51.3 (two connections that write and checkpoint at once). Every commit is on the disk when it
returns (`synchronous=FULL`): an agreement or its withdrawal that was acknowledged is never lost. Deleted rows are overwritten (`secure_delete`),
and what forgetting promises, `scrub` keeps; a crash in between is made good at the next opening.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, Final, Self

import structlog
from sqlalchemy import Connection, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from bot.errors import StorageError
from bot.storage.lock import hold
from bot.storage.schema import bring_to_head

WAL_RESET_FIXED: Final = (3, 51, 3)
BUSY_TIMEOUT_MS: Final = 5_000
PRAGMAS: Final = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA foreign_keys=ON",
)
SCRUB_EVERY_S: Final = 3600.0
CLOSE_S: Final = 5.0
PAGES_IN_MEMORY: Final = 16_384
"""Up to here (64 MB) the copy that `VACUUM` makes stays in memory, above it is a temporary file."""

_log = structlog.get_logger(__name__)


class Database:
    """An open database of the newest schema. Make one with `open`, give it to the repositories, `close` it last."""

    def __init__(self, engine: AsyncEngine, held: IO[bytes] | None = None) -> None:
        self._engine = engine
        self._held = held  # nobody else opens the file meanwhile
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()
        self._is_closing = False
        self._scrubbed_at: float | None = None
        self.is_scrub_due = False
        """Something was deleted and its copies in the gaps wait for the next `scrub`."""

    @classmethod
    async def open(cls, url: str) -> Self:
        """Open and migrate. Raises `StorageError`."""
        address = parse_address(url)
        path = sqlite_path(address)
        held = await asyncio.to_thread(_prepare, path) if path is not None else None
        try:
            return await cls._opened(address, path, held)
        except BaseException:
            if held is not None:
                held.close()
            raise

    @classmethod
    async def _opened(cls, address: URL, path: Path | None, held: IO[bytes] | None) -> Self:
        was_cut_short = path is not None and _has_log(path)
        engine = create_engine(address)
        try:
            async with engine.connect() as connection:
                await connection.run_sync(look_over)
                await connection.rollback()
                await connection.run_sync(bring_to_head)
        except StorageError:
            await engine.dispose()
            raise
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            await engine.dispose()
            raise StorageError(why_not(address, error)) from error
        if path is not None and sqlite3.sqlite_version_info < WAL_RESET_FIXED:
            _log.info(
                "sqlite_has_wal_reset_bug",
                version=sqlite3.sqlite_version,
                fixed_in="3.51.3",
                kept_clear_by="one writer",
            )
        database = cls(engine, held)
        if was_cut_short:
            await database._make_good()
        return database

    async def _make_good(self) -> None:
        """The last run did not close the database: something may have been forgotten and not scrubbed."""
        try:
            await self.scrub()
        except StorageError:
            _log.warning("scrub_failed_at_start")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """All or nothing; committed when the block ends. A database that fails is a `StorageError`."""
        try:
            async with self._in_use(), self._sessions.begin() as session:
                yield session
        except SQLAlchemyError as error:
            raise StorageError(why_not(self._engine.url, error)) from error

    @asynccontextmanager
    async def _in_use(self) -> AsyncIterator[None]:
        if self._is_closing:
            raise StorageError("The database is closed.")
        self._users += 1
        self._unused.clear()
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()

    async def scrub(self, *, at_once: bool = True) -> None:
        """Nothing that was deleted is left in any file of SQLite's when this returns. Raises `StorageError` if it cannot promise that.

        The file is written anew (`VACUUM`): rows are overwritten where they stood last, but moving rows from page to page leaves copies
        in the gaps. Then the write-ahead log is emptied into it. About 10 ms per megabyte; nobody else has the database meanwhile.
        `at_once=False`: the log now, the file at most once an hour (else it stays due), for what nobody waits for. Not within a transaction.
        """
        if sqlite_path(self._engine.url) is None:
            return
        now = asyncio.get_running_loop().time()
        is_due = at_once or self._scrubbed_at is None or now - self._scrubbed_at >= SCRUB_EVERY_S
        self.is_scrub_due = True
        try:
            async with self._in_use(), self._engine.connect() as connection:
                # SQLAlchemy would begin a transaction, in which neither can run.
                driver: Any = (await connection.get_raw_connection()).driver_connection
                if is_due:
                    [(pages,)] = await driver.execute_fetchall("PRAGMA page_count")
                    await driver.execute_fetchall(
                        f"PRAGMA temp_store={'MEMORY' if pages < PAGES_IN_MEMORY else 'FILE'}"
                    )
                    await driver.execute_fetchall("VACUUM")
                [(is_busy, _, _)] = await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise StorageError(why_not(self._engine.url, error)) from error
        if is_busy:
            raise StorageError(
                "What was deleted is still in the database's log, since another program reads the database. Close that program and try again."
            )
        if is_due:
            self._scrubbed_at, self.is_scrub_due = now, False

    async def close(self) -> None:
        """Nothing new is begun; whoever is in the middle of something finishes it, within `CLOSE_S`."""
        self._is_closing = True
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._unused.wait()
        except TimeoutError:
            _log.warning("database_closed_in_use", count=self._users)
        await self._engine.dispose()
        if self._held is not None:
            self._held.close()


def parse_address(url: str) -> URL:
    """Raises `StorageError` for what is no SQLAlchemy address of an asynchronous driver."""
    try:
        address = make_url(url)
        dialect = address.get_dialect()
        is_async = bool(dialect.is_async)
    except (ArgumentError, SQLAlchemyError, ModuleNotFoundError):
        raise StorageError(
            "KITH_DATABASE_URL is not an address that can be opened; expected one like sqlite+aiosqlite:///data/kith.sqlite3"
        ) from None
    if not is_async:
        raise StorageError(
            f"KITH_DATABASE_URL names the driver {address.drivername}, which blocks; expected sqlite+aiosqlite:///… or another asynchronous one"
        )
    try:
        dialect.import_dbapi()
    except ImportError:
        raise StorageError(
            f"KITH_DATABASE_URL names the driver {address.drivername}, which is not installed. For PostgreSQL: pip install 'kith[postgres]'"
        ) from None
    return address


def shown(address: URL) -> str:
    """An address without its password, wherever it stands: the part behind `?` may hold one too."""
    return address.set(query={}).render_as_string(hide_password=True)


def sqlite_path(address: URL) -> Path | None:
    """The file, for an SQLite that has one."""
    if address.get_backend_name() != "sqlite" or address.database in (None, "", ":memory:"):
        return None
    return Path(str(address.database))


def create_engine(address: URL) -> AsyncEngine:
    """An engine with our pragmas and transactions. SQLite: exactly one connection."""
    if address.get_backend_name() != "sqlite":
        return create_async_engine(address, pool_pre_ping=True, hide_parameters=True)
    if address.database in (None, "", ":memory:"):
        engine = create_async_engine(address, hide_parameters=True)  # an error tells a log what failed, never of whom
    else:
        engine = create_async_engine(address, pool_size=1, max_overflow=0, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _on_connect)
    event.listen(engine.sync_engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: Any) -> None:
    # The driver's own transactions leave DDL outside; with them off, every transaction is begun by `_on_begin`.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _prepare(path: Path) -> IO[bytes]:
    """The folder is made, and the file is ours alone."""
    check_is_file(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The folder {path.parent} for the database cannot be made: {error.strerror}.") from error
    return hold(path)


def check_is_file(path: Path) -> None:
    """Raises `StorageError` for a folder."""
    if path.is_dir():
        raise StorageError(f"The database {path} is a folder; expected a file in it, such as {path / 'kith.sqlite3'}.")


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def look_over(connection: Connection) -> None:
    """Raises `StorageError` for an SQLite file whose pages do not fit together."""
    if connection.dialect.name != "sqlite":
        return
    verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if verdict != "ok":
        raise StorageError(
            f"The database {_file_of(connection)} is damaged. Restore a copy, "
            "or move the file away to start with an empty one: then nobody has agreed to be heard until they agree anew."
        )


def _file_of(connection: Connection) -> str:
    return str(connection.exec_driver_sql("PRAGMA database_list").all()[0][2])


def why_not(address: URL, error: BaseException) -> str:
    """One sentence for the operator; an address may carry a password, so only its harmless parts are shown."""
    place = address.database if address.get_backend_name() == "sqlite" else shown(address)
    reason = str(getattr(error, "orig", None) or error).splitlines()[0] if str(error) else type(error).__name__
    if "not a database" in reason or "malformed" in reason:
        return (
            f"The database {place} is damaged or no database at all ({reason}). Restore a copy, "
            "or move the file away to start with an empty one: then nobody has agreed to be heard until they agree anew."
        )
    if "full" in reason:
        return f"The database {place} cannot grow: the disk is full. Make room and try again."
    if "unable to open" in reason or "readonly" in reason:
        return f"The database {place} cannot be opened for writing ({reason}). Check the path and the rights on file and folder."
    return f"The database {place} cannot be used: {reason}."
