"""Every migration, one at a time, down from the newest schema and up to it again, over a database in which each table holds something."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    insert,
    select,
)

from bot.storage.database import create_engine, parse_address
from bot.storage.schema import bring_to_head, migration_config, newest_revision, revision_of, step_through

pytestmark = pytest.mark.shell
pytest_plugins = ("opened", "postgres")

Rows: TypeAlias = dict[str, list[dict[str, Any]]]
"""By table."""

CHOICES = {"persona": '"bedtime"', "manager_role_ids": "[7, 9223372036854775806]", "of_another_kith": '{"x": 1}'}
"""What a guild chose: two settings that the oldest schema knows, and one that nobody knows."""


def revisions() -> list[str]:
    """Newest first."""
    return [script.revision for script in ScriptDirectory.from_config(migration_config()).walk_revisions()]


async def test_every_step_down_and_up_leaves_what_it_does_not_concern_as_it_was(database_url: str) -> None:
    await walk(database_url.replace("/data", ""))


async def test_so_it_does_on_postgresql(postgres_url: str) -> None:
    await walk(postgres_url)


async def walk(url: str) -> None:
    engine = create_engine(parse_address(url))
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_down_and_up)
    finally:
        await engine.dispose()


def _down_and_up(connection: Connection) -> None:
    bring_to_head(connection)
    _fill(connection)
    for _ in revisions():
        _step(connection, command.downgrade, "-1")
        _fill(connection)
    assert revision_of(connection) is None
    for revision in reversed(revisions()):
        _step(connection, command.upgrade, "+1")
        assert revision_of(connection) == revision
        _fill(connection)
    assert revision_of(connection) == newest_revision()


def _step(connection: Connection, do: Any, revision: str) -> None:
    before = _rows(connection)
    step_through(connection, do, revision)
    after = _rows(connection)
    if do is command.downgrade:  # what was told is not told again by a schema that does not know of that
        before["reminders"] = [row for row in before.get("reminders", []) if row.get("told_at") is None]
    for name in before.keys() & after.keys():
        assert _shared(before[name], after[name]) == _shared(after[name], before[name]), name
    _check_choices(before, after)


def _check_choices(before: Rows, after: Rows) -> None:
    """A row a guild became a row a choice; either holds what the other did."""
    if "guild_settings" in before and "guild_choices" in after:
        [was] = before["guild_settings"]
        now = {row["name"]: json.loads(row["value"]) for row in after["guild_choices"]}
        expected = {name: was[name] for name in ("persona", "manager_role_ids", "approves_personas") if was[name]}
        assert now == expected
    if "guild_choices" in before and "guild_settings" in after:
        [now] = after["guild_settings"]
        assert (now["persona"], now["manager_role_ids"]) == ("bedtime", [7, 2**63 - 2])


def _shared(rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The columns that the rows of both have."""
    columns = set(rows[0] if rows else ()) & set(others[0] if others else ())
    return sorted(({name: row[name] for name in columns} for row in rows), key=str)


def _tables(connection: Connection) -> list[Table]:
    known = MetaData()
    known.reflect(connection)
    return [table for table in known.sorted_tables if table.name != "alembic_version"]


def _rows(connection: Connection) -> Rows:
    found = {
        table.name: [dict(row) for row in connection.execute(select(table)).mappings()] for table in _tables(connection)
    }
    connection.rollback()
    return found


def _fill(connection: Connection) -> None:
    """Something into every table that is empty."""
    for table in _tables(connection):
        if connection.execute(select(table)).first() is None:
            connection.execute(insert(table), _samples(table))
    connection.commit()


def _samples(table: Table) -> list[Mapping[str, Any]]:
    row = {column.name: _sample(column) for column in table.columns}
    if table.name == "guild_choices":
        return [{**row, "name": name, "value": value} for name, value in CHOICES.items()]
    if "told_at" in row:
        return [row, {**row, "reminder_id": "to come", "told_at": None}]
    return [row]


def _sample(column: Column[Any]) -> Any:
    match column.type:
        case Boolean():
            return True
        case Integer():
            return 2
        case LargeBinary():
            return b"\x00sealed\x00\xff"
        case DateTime():
            aware = datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC)
            return aware if column.type.timezone else aware.replace(tzinfo=None)
        case Date():
            return date(2026, 2, 28)
        case JSON():
            return [2**63 - 1, 7]
        case _:
            return "月亮"
