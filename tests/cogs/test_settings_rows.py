"""Settings on the disk: two admins at once, and an audit that does not grow for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bot.errors import KithError
from bot.storage import guild_repository as rows
from bot.storage.database import Database
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.guilds import GuildSettings, Section
from bot.storage.tables import AuditRow, GuildChoiceRow
from bot.texts import Texts
from cogs.settings_words import Words, audit, page

pytestmark = pytest.mark.shell

GUILD, ALICE, BEA = 1, 10, 11
THEN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    database = await Database.open("sqlite+aiosqlite:///:memory:")
    yield database
    await database.close()


@pytest.fixture
def guilds(database: Database) -> GuildSettingsRepository:
    return GuildSettingsRepository(database)


OF_A_NEWER_KITH = {
    "captions": "true",
    "memory": '"telepathy"',
    "scene": '"space"',
    "guild_seconds_per_day": "1",
    "quiet_hours": '"22:00-07:00 Moon/Base"',
    "channel_ids": '["x"]',
    "persona": "{broken",
}


async def test_what_a_newer_kith_chose_is_as_it_comes_until_somebody_chooses_and_the_panel_can_say_it(
    database: Database, guilds: GuildSettingsRepository
) -> None:
    async with database.transaction() as session:
        for name, value in OF_A_NEWER_KITH.items():
            session.add(GuildChoiceRow(guild_id=GUILD, name=name, value=value, changed_at=THEN))
            session.add(
                AuditRow(
                    guild_id=GUILD, change_id=name, user_id=BEA, name=name, before=None, after=value, changed_at=THEN
                )
            )
    settings = await guilds.get(GUILD)
    assert settings == GuildSettings(guild_id=GUILD)
    words = Words(Texts(), "en-US")
    assert "**Scene:** none in particular" in page(words, settings, Section.WHO)
    told = audit(words, await guilds.changes(GUILD))
    assert "**captions:** – → true" in told
    assert '**Scene:** none in particular → "space"' in told
    await guilds.choose(GUILD, "scene", "car", user_id=ALICE, expected=lambda now: now.scene is None)
    assert (await guilds.get(GUILD)).scene == "car"
    with pytest.raises(KithError):
        await guilds.choose(GUILD, "scene", "space", user_id=ALICE)


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
