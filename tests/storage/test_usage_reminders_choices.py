"""Counters that add up, reminders that come due, choices that are kept."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from bot.errors import KithError
from bot.storage.database import Database
from bot.storage.members import MemberChoices
from bot.storage.reminders import REMINDERS, TEXT_CHARS, Reminder, ReminderRepository
from bot.storage.tables import ReminderRow
from bot.storage.usage import DAYS_KEPT, NOBODY, Usage, UsageLedger
from bot.storage.vault import Vault

pytestmark = pytest.mark.shell
pytest_plugins = ("opened",)

GUILD, ALICE, BEN = 10, 1, 2
DAY = date(2026, 5, 1)
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def usage(user: int = ALICE, day: date = DAY, guild: int = GUILD, **values: Any) -> Usage:
    counters = {"heard_ms": 20, "spoken_ms": 40, "replies": 1, "cost_micros": 7}
    return Usage(guild, user, day, values.pop("provider", "stepfun"), "audio", **(counters | values))


def reminder(text: str = "tea", minutes: int = 5, user: int = ALICE, guild: int = GUILD) -> Reminder:
    due_at = NOW + timedelta(minutes=minutes)
    return Reminder(guild, secrets.token_hex(16), user, 7, text, due_at, NOW, frozenset({user}), "en")


# ---------------------------------------------------------------------------- usage


async def test_what_is_added_adds_up(database: Database) -> None:
    ledger = UsageLedger(database)
    await ledger.add([usage(), usage(), usage(BEN)])
    await ledger.add([usage(heard_ms=5), usage(provider="local"), usage(day=DAY - timedelta(1))])
    await ledger.add([])
    assert await ledger.of_day(GUILD, DAY) == [
        usage(provider="local"),
        usage(heard_ms=45, spoken_ms=120, replies=3, cost_micros=21),
        usage(BEN),
    ]
    assert [entry.day for entry in await ledger.of_member(GUILD, ALICE)] == [DAY, DAY, DAY - timedelta(1)]
    assert await ledger.of_day(GUILD + 1, DAY) == []


entries = st.builds(
    usage,
    user=st.integers(0, 3),
    day=st.sampled_from([DAY, DAY + timedelta(1)]),
    heard_ms=st.integers(0, 10**9),
    cost_micros=st.integers(0, 10**12),
)


@given(st.lists(st.lists(entries, max_size=5), max_size=4), st.integers(1, 3))
@settings(deadline=None, max_examples=15, phases=[Phase.generate])  # each example opens a database: no shrinking
def test_a_days_total_is_what_was_added_also_after_a_member_was_erased(added: list[list[Usage]], erased: int) -> None:
    async def live() -> None:
        database = await Database.open("sqlite+aiosqlite:///:memory:")
        try:
            await erase_one(UsageLedger(database))
        finally:
            await database.close()

    async def erase_one(ledger: UsageLedger) -> None:
        for some in added:
            await ledger.add(some)
        await ledger.erase_member(GUILD, erased)
        for day in (DAY, DAY + timedelta(1)):
            found = await ledger.of_day(GUILD, day)
            expected = [entry for some in added for entry in some if entry.day == day]
            for counter in ("heard_ms", "spoken_ms", "replies", "cost_micros"):
                assert sum(getattr(e, counter) for e in found) == sum(getattr(e, counter) for e in expected)
        assert await ledger.of_member(GUILD, erased) == []

    asyncio.run(live())


async def test_an_erased_members_counters_are_nobodys(database: Database) -> None:
    ledger = UsageLedger(database)
    await ledger.add([usage(), usage(NOBODY), usage(BEN), usage(guild=GUILD + 1)])
    await ledger.erase_member(GUILD, ALICE)
    assert [(entry.user_id, entry.replies) for entry in await ledger.of_day(GUILD, DAY)] == [(NOBODY, 2), (BEN, 1)]
    assert len(await ledger.of_member(GUILD + 1, ALICE)) == 1


async def test_days_older_than_the_books_are_kept_go(database: Database) -> None:
    ledger = UsageLedger(database)
    await ledger.add([usage(), usage(day=DAY - timedelta(1)), usage(day=DAY - timedelta(2), guild=GUILD + 1)])
    assert await ledger.clear_out(NOW + timedelta(days=DAYS_KEPT)) == 2
    assert await ledger.of_member(GUILD, ALICE) == [usage()]


# ---------------------------------------------------------------------------- reminders


async def test_what_is_due_comes_the_longest_overdue_first_from_every_guild(database: Database, vault: Vault) -> None:
    reminders = ReminderRepository(database, vault)
    tea, cake, elsewhere = reminder("tea", 5), reminder("cake", 3), reminder("elsewhere", 4, guild=GUILD + 1)
    for one in (tea, cake, elsewhere):
        await reminders.add(one)
    assert await reminders.due(NOW) == []
    assert await reminders.next_due() == cake.due_at
    assert await reminders.due(NOW + timedelta(minutes=4)) == [cake, elsewhere]
    assert await reminders.of_member(GUILD, ALICE) == [cake, tea]


async def test_a_reminder_is_removed_once(database: Database, vault: Vault) -> None:
    reminders = ReminderRepository(database, vault)
    one = reminder()
    await reminders.add(one)
    assert not await reminders.remove(GUILD + 1, one.reminder_id)
    assert await reminders.remove(GUILD, one.reminder_id)
    assert not await reminders.remove(GUILD, one.reminder_id)
    assert await reminders.next_due() is None


async def test_a_member_has_at_most_twenty_and_is_told(database: Database, vault: Vault) -> None:
    reminders = ReminderRepository(database, vault)
    for _ in range(REMINDERS):
        await reminders.add(reminder())
    with pytest.raises(KithError) as refused:
        await reminders.add(reminder())
    assert (refused.value.key, refused.value.values) == ("error-reminder-many", {"count": REMINDERS})
    await reminders.add(reminder(user=BEN))
    await reminders.add(reminder(guild=GUILD + 1))


@pytest.mark.parametrize(
    ("text", "key"), [(" ", "error-reminder-empty"), ("x" * (TEXT_CHARS + 1), "error-reminder-long")]
)
async def test_a_reminder_of_nothing_or_of_too_much_is_refused(
    database: Database, vault: Vault, text: str, key: str
) -> None:
    reminders = ReminderRepository(database, vault)
    with pytest.raises(KithError) as refused:
        await reminders.add(reminder(text))
    assert refused.value.key == key
    assert await reminders.next_due() is None


async def test_what_was_told_is_due_no_more_and_still_there_for_whoever_asked(database: Database, vault: Vault) -> None:
    reminders = ReminderRepository(database, vault)
    one, later = reminder(), reminder("cake", 9)
    await reminders.add(one)
    await reminders.add(later)
    await reminders.keep_waiting(one, one.due_at)
    assert await reminders.due(later.due_at) == [later]
    assert await reminders.next_due() == later.due_at
    assert await reminders.of_member(GUILD, ALICE) == [replace(one, told_at=one.due_at), later]


async def test_a_member_who_is_erased_heard_nothing_of_others(database: Database, vault: Vault) -> None:
    reminders = ReminderRepository(database, vault)
    one = replace(reminder(), heard_by=frozenset({ALICE, BEN}))
    await reminders.add(one)
    await reminders.add(reminder(user=BEN))
    await reminders.erase_member(GUILD, BEN)
    assert await reminders.of_member(GUILD, ALICE) == [replace(one, heard_by=frozenset({ALICE}))]
    assert await reminders.of_member(GUILD, BEN) == []


async def test_a_reminder_that_does_not_open_still_comes_due(database: Database, vault: Vault) -> None:
    reminders = ReminderRepository(database, vault)
    one = reminder()
    await reminders.add(one)
    async with database.transaction() as session:
        await session.execute(update(ReminderRow).values(sealed=b"\x00" * 60))
    assert await reminders.due(one.due_at) == [replace(one, text="")]


# ---------------------------------------------------------------------------- choices


async def test_a_choice_is_one_members_in_one_guild_until_it_is_taken_back(database: Database) -> None:
    choices = MemberChoices(database)
    assert await choices.get(GUILD, ALICE, "memory-paused") is None
    await choices.put(GUILD, ALICE, "memory-paused", True)
    await choices.put(GUILD, BEN, "memory-paused", {"until": [1, "二"]})
    await choices.put(GUILD, BEN, "other", 1)
    assert await choices.get(GUILD, ALICE, "memory-paused") is True
    assert await choices.get(GUILD + 1, ALICE, "memory-paused") is None
    assert await choices.all_of(GUILD, "memory-paused") == {ALICE: True, BEN: {"until": [1, "二"]}}
    await choices.put(GUILD, ALICE, "memory-paused", False)
    assert await choices.get(GUILD, ALICE, "memory-paused") is False
    await choices.put(GUILD, ALICE, "memory-paused", None)
    assert await choices.all_of(GUILD, "memory-paused") == {BEN: {"until": [1, "二"]}}


async def test_a_choice_that_has_no_place_in_a_row_is_refused(database: Database) -> None:
    choices = MemberChoices(database)
    for name, value in (("n" * 49, 1), ("name", "x" * 2_000)):
        with pytest.raises(ValueError, match="at most"):
            await choices.put(GUILD, ALICE, name, value)
