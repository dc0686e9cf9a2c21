"""PostgreSQL: the same schema, brought up and down over data, on a real server."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from alembic import command
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    LargeBinary,
    SmallInteger,
    insert,
    select,
)

from bot.storage.database import Database, create_engine, parse_address
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.inspection import inspect_database
from bot.storage.schema import bring_to_head, newest_revision, revision_of, step_through
from bot.storage.tables import Table, UtcDateTime

pytestmark = pytest.mark.shell
pytest_plugins = ("postgres",)


async def test_a_new_database_gets_the_newest_schema_and_says_so(postgres_url: str) -> None:
    assert "is empty" in await inspect_database(postgres_url)
    database = await Database.open(postgres_url)
    await database.close()
    assert "is whole and has the newest schema" in await inspect_database(postgres_url)


async def test_the_schema_goes_down_and_up_again_over_data(postgres_url: str) -> None:
    database = await Database.open(postgres_url)
    guilds = GuildSettingsRepository(database)
    await guilds.choose_persona(5, "bedtime")
    await guilds.choose(5, "manager_role_ids", frozenset([2**63 - 2, 7]))
    await database.close()

    def down_and_up(connection: Connection) -> str | None:
        step_through(connection, command.downgrade, "0001")
        assert connection.exec_driver_sql("SELECT persona FROM guild_settings").scalar() == "bedtime"
        connection.commit()
        bring_to_head(connection)
        return revision_of(connection)

    engine = create_engine(parse_address(postgres_url))
    async with engine.connect() as connection:
        assert await connection.run_sync(down_and_up) == newest_revision()
        await connection.commit()
    await engine.dispose()
    database = await Database.open(postgres_url)
    settings = await GuildSettingsRepository(database).get(5)
    assert (settings.persona, settings.manager_role_ids) == ("bedtime", frozenset({2**63 - 2, 7}))
    await database.close()


async def test_every_column_takes_what_discord_and_the_vault_give_it(migrated_url: str) -> None:
    """Ids of 64 bits, sealed bytes with zeros in them, aware times: a row of each table goes in and comes out as it was."""
    database = await Database.open(migrated_url)
    for table in Table.metadata.sorted_tables:
        row = {column.name: _sample(column) for column in table.columns}
        async with database.transaction() as session:
            await session.execute(insert(table).values(row))
        async with database.transaction() as session:
            [kept] = (await session.execute(select(table))).mappings().all()
        assert dict(kept) == row, table.name
    await database.close()


def _sample(column: object) -> object:
    assert isinstance(column, Column)
    match column.type:
        case SmallInteger():
            return 2
        case BigInteger():
            return 2**63 - 1
        case Boolean():
            return True
        case LargeBinary():
            return b"\x00sealed\x00\xff"
        case UtcDateTime():
            return datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC)
        case Date():
            return date(2026, 2, 28)
        case JSON():
            return [2**63 - 1, 7]
        case _:
            return "月亮"
