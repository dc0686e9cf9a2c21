"""What a guild chose, and the log of its calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.storage.calls import DAYS_KEPT, CallLog
from bot.storage.database import Database
from bot.storage.guild_repository import AUDIT_MONTHS, GuildSettingsRepository

pytestmark = pytest.mark.shell
pytest_plugins = ("opened",)


async def test_a_guild_that_chose_nothing_has_no_row(database: Database) -> None:
    settings = await GuildSettingsRepository(database).get(5)
    assert (settings.persona, settings.manager_role_ids) == (None, frozenset())


async def test_persona_and_managers_are_kept_apart_from_each_other_and_from_other_guilds(database: Database) -> None:
    guilds = GuildSettingsRepository(database)
    await guilds.choose(5, "manager_role_ids", frozenset([11, 12, 11]))
    await guilds.choose_persona(5, "bedtime")
    await guilds.choose_persona(6, "quizhost")
    await guilds.choose_persona(5, "xiaoyue")
    settings = await guilds.get(5)
    assert (settings.persona, settings.manager_role_ids) == ("xiaoyue", frozenset({11, 12}))
    assert (await guilds.get(6)).manager_role_ids == frozenset()


async def test_discord_ids_of_64_bits_fit(database: Database) -> None:
    guilds = GuildSettingsRepository(database)
    await guilds.choose(2**63 - 1, "manager_role_ids", frozenset([2**63 - 2]))
    assert (await guilds.get(2**63 - 1)).manager_role_ids == {2**63 - 2}


async def test_a_call_has_a_beginning_and_an_end(database: Database) -> None:
    log = CallLog(database)
    call_id = await log.started(5, 50)
    [call] = await log.recent(5)
    assert (call.channel_id, call.ended_at) == (50, None)
    await log.ended(5, call_id, "asked to leave")
    await log.ended(5, call_id, "a second reason comes too late")
    [call] = await log.recent(5)
    assert call.end_reason == "asked to leave"
    assert call.ended_at is not None
    assert call.ended_at >= call.started_at
    assert call.started_at.tzinfo is not None


async def test_calls_that_a_crash_left_open_are_ended_at_start(database: Database) -> None:
    log = CallLog(database)
    await log.started(5, 50)
    await log.ended(6, await log.started(6, 60), "everyone left")
    assert await log.end_forgotten() == 1
    assert (await log.recent(5))[0].end_reason == "stopped without goodbye"
    assert (await log.recent(6))[0].end_reason == "everyone left"


async def test_a_guild_that_is_gone_leaves_nothing(database: Database) -> None:
    guilds, log = GuildSettingsRepository(database), CallLog(database)
    await guilds.choose_persona(5, "bedtime")
    await log.started(5, 50)
    await log.started(6, 60)
    await guilds.erase_guild(5)
    await log.erase_guild(5)
    assert (await guilds.get(5)).persona is None
    assert await log.recent(5) == []
    assert len(await log.recent(6)) == 1


async def test_a_call_is_known_for_ninety_days_and_then_no_more(database: Database) -> None:
    log = CallLog(database)
    await log.started(5, 50)
    await log.started(6, 60)
    began = (await log.recent(5))[0].started_at
    assert await log.clear_out(began + timedelta(days=DAYS_KEPT)) == 0
    assert await log.clear_out(datetime.now(UTC) + timedelta(days=DAYS_KEPT)) == 2
    assert await log.recent(5) == await log.recent(6) == []


async def test_a_line_of_the_audit_goes_in_time_and_what_was_chosen_stays(database: Database) -> None:
    guilds = GuildSettingsRepository(database)
    await guilds.choose_persona(5, "bedtime", user_id=7)
    made = (await guilds.changes(5))[0].changed_at
    assert await guilds.clear_out(made + timedelta(days=AUDIT_MONTHS * 30)) == 0
    assert await guilds.clear_out(made + timedelta(days=AUDIT_MONTHS * 31)) == 1
    assert await guilds.changes(5) == []
    assert (await guilds.get(5)).persona == "bedtime"
