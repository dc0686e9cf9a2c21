"""Opening a database: made, migrated, or refused with a sentence."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from bot.errors import StorageError
from bot.storage.database import Database, create_engine, parse_address
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.inspection import SPARE_BYTES, inspect_database, must_have_room
from bot.storage.schema import bring_to_head, newest_revision, step_through
from bot.storage.tables import Table

pytestmark = pytest.mark.shell
pytest_plugins = ("opened",)


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite+aiosqlite:///"))


async def test_opening_makes_the_folder_and_the_newest_schema(database_url: str) -> None:
    await (await Database.open(database_url)).close()
    with sqlite3.connect(file_of(database_url)) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest_revision(),)]
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    raw.close()


async def test_commits_are_on_the_disk_and_deleted_rows_are_overwritten(database: Database) -> None:
    async with database.transaction() as session:
        settings = [
            (await session.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("synchronous", "secure_delete", "foreign_keys", "busy_timeout")
        ]
    assert settings == [2, 1, 1, 5000]


async def test_the_migrations_make_exactly_the_tables_that_the_code_declares(database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        bring_to_head(connection)
        return list(compare_metadata(MigrationContext.configure(connection), Table.metadata))

    engine = create_engine(parse_address(database_url.replace("/data", "")))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_migrations_go_down_and_up_again(database_url: str) -> None:
    def tables(connection: Connection) -> set[str]:
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
        connection.rollback()
        return set(names)

    def walk(connection: Connection) -> tuple[set[str], set[str]]:
        bring_to_head(connection)
        step_through(connection, command.downgrade, "base")
        bare = tables(connection)
        bring_to_head(connection)
        return bare, tables(connection)

    engine = create_engine(parse_address(database_url.replace("/data", "")))
    async with engine.connect() as connection:
        bare, full = await connection.run_sync(walk)
    await engine.dispose()
    assert bare == {"alembic_version"}
    assert full == {"alembic_version", *Table.metadata.tables}


async def test_what_was_stored_is_there_after_opening_again(database_url: str) -> None:
    first = await Database.open(database_url)
    await GuildSettingsRepository(first).choose_persona(7, "quizhost")
    await first.close()
    second = await Database.open(database_url)
    assert (await GuildSettingsRepository(second).get(7)).persona == "quizhost"
    await second.close()


async def test_a_failed_migration_leaves_the_schema_as_it_was(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last statement of the first migration fails: nothing of the earlier ones may stay."""
    path = file_of(database_url)
    path.parent.mkdir()

    def fail_at_calls(statement: str) -> None:
        if "CREATE TABLE calls" in statement:
            raise sqlite3.OperationalError("database or disk is full")

    from sqlalchemy import event

    engine = create_engine(parse_address(database_url))
    event.listen(engine.sync_engine, "before_cursor_execute", lambda _c, _u, statement, *_: fail_at_calls(statement))
    monkeypatch.setattr("bot.storage.database.create_engine", lambda _: engine)
    with pytest.raises(StorageError, match="disk is full"):
        await Database.open(database_url)
    monkeypatch.undo()
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT name FROM sqlite_master WHERE name IN ('consent', 'calls')").fetchall() == []
    raw.close()
    await (await Database.open(database_url)).close()


async def test_a_file_that_is_no_database_is_refused(database_url: str) -> None:
    file_of(database_url).parent.mkdir()
    file_of(database_url).write_bytes(b"These are the voyages of a text file, long enough to have a page. " * 100)
    for opening in (Database.open(database_url), inspect_database(database_url)):
        with pytest.raises(StorageError, match="damaged or no database"):
            await opening


async def test_a_damaged_database_is_refused_and_left_alone(database_url: str) -> None:
    database = await Database.open(database_url)
    for guild_id in range(300):
        await GuildSettingsRepository(database).choose_persona(guild_id, "xiaoyue")
    await database.close()
    path = file_of(database_url)
    damaged = bytearray(path.read_bytes())
    damaged[4096 * 2 :] = b"\xa5" * (len(damaged) - 4096 * 2)
    path.write_bytes(damaged)
    for opening in (Database.open(database_url), inspect_database(database_url)):
        with pytest.raises(StorageError, match="damaged"):
            await opening


async def test_a_newer_schema_is_refused(database_url: str) -> None:
    await (await Database.open(database_url)).close()
    with sqlite3.connect(file_of(database_url)) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    for opening in (Database.open(database_url), inspect_database(database_url)):
        with pytest.raises(StorageError, match=r"schema 9999.*newer Kith"):
            await opening


async def test_an_older_schema_is_brought_up(database_url: str) -> None:
    """There is one revision so far: the oldest schema is the empty file."""
    file_of(database_url).parent.mkdir()
    sqlite3.connect(file_of(database_url)).close()
    file_of(database_url).touch()
    assert "next start" in await inspect_database(database_url)
    await (await Database.open(database_url)).close()
    assert newest_revision() in await inspect_database(database_url)


async def test_a_database_of_another_program_is_refused_and_not_written_to(database_url: str) -> None:
    file_of(database_url).parent.mkdir()
    with sqlite3.connect(file_of(database_url)) as raw:
        raw.execute("CREATE TABLE invoices (id INTEGER PRIMARY KEY)")
    raw.close()
    with pytest.raises(StorageError, match="another program"):
        await Database.open(database_url)
    with sqlite3.connect(file_of(database_url)) as raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == [("invoices",)]
    raw.close()


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite:///blocking.sqlite3", "nodb+driver://host/name"])
async def test_an_address_that_cannot_be_used_is_named(url: str) -> None:
    with pytest.raises(StorageError, match="KITH_DATABASE_URL"):
        await Database.open(url)


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="data"):
        await Database.open(f"sqlite+aiosqlite:///{tmp_path}/data/kith.sqlite3")


async def test_a_folder_is_no_database(database_url: str) -> None:
    file_of(database_url).mkdir(parents=True)
    for opening in (Database.open(database_url), inspect_database(database_url)):
        with pytest.raises(StorageError, match="is a folder; expected a file"):
            await opening


async def test_a_driver_that_is_not_installed_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    url = "postgresql+asyncpg://kith:secret@localhost/kith"
    for opening in (Database.open(url), inspect_database(url)):
        with pytest.raises(StorageError, match=r"postgresql\+asyncpg, which is not installed.*kith\[postgres\]"):
            await opening


@pytest.mark.parametrize("url", ["kith:hunter2@127.0.0.1:1/kith", "kith@127.0.0.1:1/kith?password=hunter2"])
async def test_a_server_that_cannot_be_reached_is_named_without_its_password(url: str) -> None:
    for opening in (Database.open(f"postgresql+asyncpg://{url}"), inspect_database(f"postgresql+asyncpg://{url}")):
        with pytest.raises(StorageError, match=r"127\.0\.0\.1:1/kith cannot be used") as refused:
            await opening
        assert "hunter2" not in str(refused.value)


async def test_a_second_process_is_refused_a_file_that_the_first_has_open(database_url: str) -> None:
    opening = f"import asyncio; from bot.storage.database import Database; asyncio.run(Database.open({database_url!r}))"
    database = await Database.open(database_url)
    second = await asyncio.create_subprocess_exec(sys.executable, "-c", opening, stderr=asyncio.subprocess.PIPE)
    _, told = await second.communicate()
    assert "StorageError: The database" in told.decode()
    assert "is in use by another Kith. Stop that one first." in told.decode()
    assert "newest schema" in await inspect_database(database_url), "looking needs no lock"
    await database.close()
    await (await Database.open(database_url)).close()


async def test_a_disk_that_is_nearly_full_is_told_before_it_is(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    must_have_room(database_url)
    await (await Database.open(database_url)).close()
    must_have_room(database_url)
    full = shutil.disk_usage("/")._replace(free=SPARE_BYTES)
    monkeypatch.setattr("bot.storage.inspection.shutil.disk_usage", lambda _: full)
    with pytest.raises(StorageError, match=r"kith\.sqlite3 has 16 MB left, and 16 MB are needed.*Make room"):
        must_have_room(database_url)


async def test_looking_at_a_database_changes_nothing(database_url: str) -> None:
    assert "does not exist yet" in await inspect_database(database_url)
    assert not file_of(database_url).parent.exists()


async def test_looking_works_while_the_database_is_open(database: Database, database_url: str) -> None:
    await GuildSettingsRepository(database).choose_persona(1, "xiaoyue")
    assert "newest schema" in await inspect_database(database_url)


async def test_every_table_says_whose_data_it_holds() -> None:
    assert {table.info.get("owner") for table in Table.metadata.tables.values()} <= {"guild", "user"}


async def test_guilds_come_first_in_every_key() -> None:
    for table in Table.metadata.tables.values():
        assert next(iter(table.primary_key.columns)).name == "guild_id", table.name


async def test_an_error_of_the_database_names_no_value_that_it_was_given(database: Database) -> None:
    with pytest.raises(StorageError) as caught:
        async with database.transaction() as session:
            await session.execute(text("INSERT INTO nowhere VALUES (:words)"), {"words": "likes moss"})
    chain: list[str] = []
    error: BaseException | None = caught.value
    while error is not None:
        chain.append(str(error))
        error = error.__cause__ or error.__context__
    assert "moss" not in " ".join(chain)


async def test_closing_lets_whoever_is_writing_finish_and_nobody_begin(database_url: str) -> None:
    database = await Database.open(database_url)
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with database.transaction() as session:
            has_begun.set()
            await may_end.wait()
            await session.execute(text("INSERT INTO member_choices VALUES (1, 2, 'name', '1', '2026-01-01')"))

    writing = asyncio.create_task(write())
    await has_begun.wait()
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    with pytest.raises(StorageError, match="closed"):
        async with database.transaction():
            pass
    with pytest.raises(StorageError, match="closed"):
        await database.scrub()
    may_end.set()
    await asyncio.gather(writing, closing)
    with sqlite3.connect(file_of(database_url)) as raw:
        assert raw.execute("SELECT count(*) FROM member_choices").fetchone() == (1,)
    raw.close()
