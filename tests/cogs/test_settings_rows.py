"""Settings on the disk: two admins at once, and an audit that does not grow for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.errors import KithError
from bot.storage import guild_repository as rows
from bot.storage.database import Database
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.guilds import GuildSettings

pytestmark = pytest.mark.shell

GUILD, ALICE, BEA = 1, 10, 11


@pytest.fixture
async def guilds() -> AsyncIterator[GuildSettingsRepository]:
    database = await Database.open("sqlite+aiosqlite:///:memory:")
    yield GuildSettingsRepository(database)
    await database.close()


def was_plain(now: GuildSettings) -> bool:
    return now.retention_days == 90


async def test_of_two_who_saw_the_same_value_one_changes_it(guilds: GuildSettingsRepository) -> None:
    answers = await asyncio.gather(
        *(
            guilds.choose(GUILD, "retention_days", days, user_id=user, expected=was_plain)
            for user, days in ((ALICE, 7), (BEA, 365), (ALICE, 30), (BEA, 8))
        ),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, KithError)]
    assert [error.key for error in refused] == ["error-setting-changed"] * 3
    (change,) = await guilds.changes(GUILD)
    assert str((await guilds.get(GUILD)).retention_days) == change.after


async def test_what_is_refused_leaves_no_line_in_the_audit(guilds: GuildSettingsRepository) -> None:
    with pytest.raises(KithError):
        await guilds.choose(GUILD, "quiet_hours", "always", user_id=ALICE)
    with pytest.raises(KithError):
        await guilds.choose(GUILD, "mood", "good", user_id=ALICE)
    assert await guilds.choose(GUILD, "retention_days", 90, user_id=ALICE) is None
    assert await guilds.changes(GUILD) == []


async def test_the_oldest_changes_go(guilds: GuildSettingsRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "AUDIT_KEPT", 3)
    await guilds.choose(GUILD + 1, "retention_days", 7, user_id=BEA)
    for days in range(1, 8):
        await guilds.choose(GUILD, "retention_days", days, user_id=ALICE)
    kept = await guilds.changes(GUILD)
    assert [change.after for change in kept] == ["7", "6", "5"]
    assert len(await guilds.changes(GUILD + 1)) == 1, "another server's are its own"
