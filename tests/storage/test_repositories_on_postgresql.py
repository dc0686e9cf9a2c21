"""Every repository's behaviour once more, on PostgreSQL: the tests are those of SQLite, the database is another one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from inspect import signature

import pytest
import test_consent_ledger
import test_estate
import test_guild_rows
import test_memories
import test_persona_rows
import test_usage_reminders_choices
import test_vault

from bot.storage.database import Database

pytestmark = pytest.mark.shell
ALL = (
    test_consent_ledger,
    test_estate,
    test_guild_rows,
    test_memories,
    test_persona_rows,
    test_usage_reminders_choices,
    test_vault,
)
pytest_plugins = ("opened", "postgres")


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    database = await Database.open(migrated_url)
    yield database
    await database.close()


ABOUT_FILES = {
    name
    for module in ALL
    for name, test in vars(module).items()
    if name.startswith("test_")
    and {"database_url", "tmp_path", "folder", "keep", "monkeypatch"} & set(signature(test).parameters)
}
"""What asks for a file is about SQLite."""

for _module in ALL:
    for _name, _thing in vars(_module).items():
        is_test = _name.startswith("test_") and _name not in ABOUT_FILES and not hasattr(_thing, "hypothesis")
        if (is_test or hasattr(_thing, "_fixture_function")) and _name not in globals():
            globals()[_name] = _thing
