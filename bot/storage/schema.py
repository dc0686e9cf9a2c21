"""Which schema a database has, and bringing it to the newest: Alembic, told where our migrations are.

Knows three refusals: a database of a newer Kith, of another program, and a migration that fails. Reading and writing rows is not here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from bot.errors import StorageError

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations"


def migration_config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def newest_revision() -> str:
    return ScriptDirectory.from_config(migration_config()).get_current_head() or ""


def revision_of(connection: Connection) -> str | None:
    """The schema's revision; `None` for an empty database. Raises `StorageError` for one that is not ours to touch."""
    heads = MigrationContext.configure(connection).get_current_heads()
    if not heads:
        tables = inspect(connection).get_table_names()
        if set(tables) - {"alembic_version"}:
            raise StorageError(
                "The database holds tables of another program. Give Kith one of its own with KITH_DATABASE_URL."
            )
        return None
    revision = ", ".join(heads)
    known = {script.revision for script in ScriptDirectory.from_config(migration_config()).walk_revisions()}
    if not set(heads) <= known:
        raise StorageError(
            f"The database has schema {revision}, which this Kith does not know: a newer Kith wrote it. "
            "Run that version again, or restore a copy from before the update."
        )
    return revision


def bring_to_head(connection: Connection) -> None:
    """Run what is missing; each migration commits with its revision, or not at all."""
    if revision_of(connection) != newest_revision():
        connection.rollback()
        command.upgrade(migration_config(connection), "head")
    connection.rollback()


def step_through(connection: Connection, step: Callable[[Config, str], None], revision: str) -> None:
    """Any other Alembic command on an open connection (`command.downgrade` in tests and repairs)."""
    connection.rollback()
    step(migration_config(connection), revision)
