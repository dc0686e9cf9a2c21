"""What servers spend, on the disk: opened from the ledger, saved after each turn, and told to members and admins as it stands there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.conversation.budget import Budget, Caps, Entry, Verdict
from bot.errors import KithError, SettingError, StorageError
from bot.settings import Settings, load_settings
from bot.spending import LOCAL_MODEL, Spending
from bot.storage.database import Database
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.guilds import GuildSettings
from bot.storage.usage import NOBODY, Usage, UsageLedger

pytestmark = pytest.mark.shell

GUILD, OTHER_GUILD = 10, 20
ALICE, BOB = 1, 2
TODAY = date(2026, 11, 21)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path}/kith.sqlite3")
    yield database
    await database.close()


class Times:
    """Half an hour before midnight; the two clocks go together."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 21, 23, 30, tzinfo=UTC) + timedelta(seconds=self.passed_s)

    def clock(self) -> float:
        return 5_000.0 + self.passed_s


class TiredLedger(UsageLedger):
    """A ledger on a disk that fails now and then."""

    is_failing = False
    gate: asyncio.Event | None = None

    async def add(self, entries: Sequence[Usage]) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.is_failing:
            raise StorageError("the disk is full")
        await super().add(entries)


class House:
    def __init__(self, database: Database, **chosen: Any) -> None:
        self.times = Times()
        self.ledger = TiredLedger(database)
        self.guilds = GuildSettingsRepository(database)
        self.settings = Settings(**{"kith_provider": "stepfun", **chosen})
        self.spending = self.another()

    def another(self) -> Spending:
        """As after a start of the process."""
        return Spending(self.ledger, self.guilds, self.settings, self.times.now, self.times.clock)

    def turn(self, budget: Budget, user_id: int | None, heard_ms: int, spoken_ms: int) -> Verdict:
        now = self.times.clock()
        if user_id is not None and budget.may_hear(user_id, now):
            budget.heard(user_id, heard_ms)
        verdict = budget.reserve(now)
        if verdict is not Verdict.STOP:
            budget.reconcile(user_id, spoken_ms, {"input_tokens": 1_000, "output_tokens": 100}, now)
        return verdict


def row(user_id: int, heard_ms: int, spoken_ms: int = 0, replies: int = 0, cost: int = 0, day: date = TODAY) -> Usage:
    return Usage(GUILD, user_id, day, "stepfun", "stepaudio-2.5-realtime", heard_ms, spoken_ms, replies, cost)


async def test_what_a_server_that_is_gone_still_comes_to_is_not_written(database: Database) -> None:
    house = House(database)
    budget = await house.spending.open_call(GUILD)  # of a digest, say, whose answer is on its way
    house.spending.forget(GUILD)
    house.turn(budget, None, 0, 2_000)
    await house.spending.save(GUILD, budget)
    assert await house.ledger.of_day(GUILD, TODAY) == []
    assert house.spending.unsaved == 0


# ---------------------------------------------------------------------------- opening


async def test_a_call_begins_with_what_the_day_has_cost_already(database: Database) -> None:
    house = House(database)
    await house.ledger.add([row(ALICE, 5_000, 1_000, 1, 700), row(BOB, 9_000, day=TODAY - timedelta(days=1))])
    budget = await house.spending.open_call(GUILD)
    assert budget.spent.guild.ms == 6_000
    assert budget.spent.of(ALICE).micros == 700
    assert budget.spent.of(BOB).ms == 0


async def test_an_admin_sets_less_than_the_operator_and_never_more(database: Database) -> None:
    house = House(database, kith_guild_seconds_per_day=3_600, kith_guild_money_per_day=2.0)
    assert house.spending.caps(GuildSettings(guild_id=GUILD)) == Caps(3_600, 2_000_000)
    less = GuildSettings(guild_id=GUILD, guild_seconds_per_day=600, guild_money_per_day=0.5, member_seconds_per_day=60)
    assert house.spending.caps(less) == Caps(600, 500_000, 60, None)
    more = GuildSettings(
        guild_id=GUILD, guild_seconds_per_day=80_000, guild_money_per_day=99.0, member_money_per_day=0.25
    )
    assert house.spending.caps(more) == Caps(3_600, 2_000_000, None, 250_000)


@pytest.mark.parametrize(
    "name",
    [
        "KITH_GUILD_MONEY_PER_DAY",
        "KITH_PRICE_INPUT_PER_MILLION",
        "KITH_PRICE_CACHED_PER_MILLION",
        "KITH_PRICE_OUTPUT_PER_MILLION",
        "KITH_DIGEST_PRICE_INPUT_PER_MILLION",
        "KITH_DIGEST_PRICE_OUTPUT_PER_MILLION",
    ],
)
def test_money_without_end_is_refused_at_the_start_and_not_in_the_middle_of_a_call(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for endless in ("inf", "1e300", "nan", "-1"):
        monkeypatch.setenv(name, endless)
        with pytest.raises(SettingError, match=name):
            load_settings(_env_file=None)


async def test_a_call_does_not_begin_where_nothing_is_left(database: Database) -> None:
    house = House(database, kith_guild_seconds_per_day=60)
    await house.ledger.add([row(ALICE, 60_000)])
    with pytest.raises(KithError) as told:
        await house.spending.open_call(GUILD)
    assert told.value.key == "error-budget-spent"
    assert told.value.values == {"at": str(int(datetime(2026, 11, 22, tzinfo=UTC).timestamp()))}
    await house.spending.open_call(OTHER_GUILD)


async def test_the_day_of_a_call_ends_at_midnight_utc(database: Database) -> None:
    house = House(database, kith_guild_seconds_per_day=60)
    budget = await house.spending.open_call(GUILD)
    house.turn(budget, ALICE, 50_000, 20_000)
    assert budget.is_spent(house.times.clock())
    house.times.passed_s = 1_799.0
    assert budget.is_spent(house.times.clock())
    house.times.passed_s = 1_800.0
    assert not budget.is_spent(house.times.clock())
    house.turn(budget, ALICE, 1_000, 0)
    await house.spending.save(GUILD, budget)
    assert [entry.heard_ms for entry in await house.ledger.of_day(GUILD, TODAY)] == [50_000]
    assert [entry.heard_ms for entry in await house.ledger.of_day(GUILD, TODAY + timedelta(days=1))] == [1_000]


async def test_a_second_call_of_a_server_sees_what_the_first_has_not_saved(database: Database) -> None:
    house = House(database, kith_guild_seconds_per_day=60)
    first = await house.spending.open_call(GUILD)
    house.turn(first, ALICE, 20_000, 20_000)
    second = await house.spending.open_call(GUILD)
    assert second.spent.guild.ms == 40_000
    house.turn(second, BOB, 20_000, 0)
    assert first.reserve(house.times.clock()) is Verdict.STOP


async def test_the_local_model_costs_time_and_no_money(database: Database) -> None:
    house = House(database, kith_provider="local")
    budget = await house.spending.open_call(GUILD)
    house.turn(budget, ALICE, 2_000, 3_000)
    (line,) = (await house.spending.receipt(GUILD, ALICE)).rows
    assert (line.provider, line.model, line.heard_ms, line.spoken_ms, line.cost_micros) == (
        "local",
        LOCAL_MODEL,
        2_000,
        3_000,
        0,
    )


# ---------------------------------------------------------------------------- saving


async def test_the_ledger_holds_the_sum_of_what_was_taken(database: Database) -> None:
    house = House(database)
    budget = await house.spending.open_call(GUILD)
    for turns in range(12):
        house.turn(budget, [ALICE, BOB, None][turns % 3], 1_700 + turns, 2_300 + turns)
        await house.spending.save(GUILD, budget)
    rows = {line.user_id: line for line in await house.ledger.of_day(GUILD, TODAY)}
    assert {user: line.heard_ms + line.spoken_ms for user, line in rows.items()} == {
        user: used.ms for user, used in budget.spent.members.items()
    }
    assert sum(line.cost_micros for line in rows.values()) == budget.spent.guild.micros
    assert rows[NOBODY].replies == 4
    assert budget.take_entries() == ()


async def test_what_could_not_be_written_is_written_with_the_next_turn(database: Database) -> None:
    house = House(database)
    budget = await house.spending.open_call(GUILD)
    house.turn(budget, ALICE, 1_000, 500)
    house.ledger.is_failing = True
    await house.spending.save(GUILD, budget)
    house.turn(budget, ALICE, 2_000, 0)
    await house.spending.save(GUILD, budget)
    assert await house.ledger.of_day(GUILD, TODAY) == []
    assert house.spending.unsaved == 1
    assert (await house.spending.open_call(GUILD)).spent.guild.ms == 3_500
    house.ledger.is_failing = False
    await house.spending.save(GUILD, budget)
    assert [(line.heard_ms, line.spoken_ms) for line in await house.ledger.of_day(GUILD, TODAY)] == [(3_000, 500)]
    assert house.spending.unsaved == 0


async def test_what_failed_to_be_written_counts_in_a_call_that_begins_later(database: Database) -> None:
    house = House(database)
    budget = await house.spending.open_call(GUILD)
    house.turn(budget, ALICE, 1_000, 500)
    house.ledger.is_failing = True
    await house.spending.save(GUILD, budget)
    del budget
    assert (await house.spending.open_call(GUILD)).spent.guild.ms == 1_500


async def test_a_save_that_is_cut_off_loses_nothing_and_counts_nothing_twice(database: Database) -> None:
    house = House(database)
    budget = await house.spending.open_call(GUILD)
    house.turn(budget, ALICE, 1_000, 0)
    house.ledger.gate = asyncio.Event()
    saving = asyncio.create_task(house.spending.save(GUILD, budget))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    house.turn(budget, ALICE, 200, 0)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    house.ledger.gate = None
    await house.spending.save(GUILD, budget)
    assert [line.heard_ms for line in await house.ledger.of_day(GUILD, TODAY)] == [1_200]


async def test_a_crash_loses_what_was_used_since_the_last_save(database: Database) -> None:
    house = House(database)
    budget = await house.spending.open_call(GUILD)
    house.turn(budget, ALICE, 1_000, 0)
    await house.spending.save(GUILD, budget)
    house.turn(budget, ALICE, 300, 0)
    assert (await house.another().open_call(GUILD)).spent.guild.ms == 1_000


async def test_a_cap_that_an_admin_sets_reaches_the_open_call_with_the_next_save(database: Database) -> None:
    house = House(database)
    budget = await house.spending.open_call(GUILD)
    house.turn(budget, ALICE, 90_000, 0)
    await house.guilds.choose(GUILD, "guild_seconds_per_day", 60)
    await house.spending.save(GUILD, budget)
    assert budget.is_spent(house.times.clock())


async def test_a_member_who_is_silent_for_their_cap_is_heard_again_as_soon_as_an_admin_raises_it(
    database: Database,
) -> None:
    """Nobody else need speak for that: a reply, after which a call saves, may never come."""
    house = House(database)
    await house.guilds.choose(GUILD, "member_seconds_per_day", 60)
    budget, other = await house.spending.open_call(GUILD), await house.spending.open_call(OTHER_GUILD)
    budget.heard(ALICE, 60_000)
    assert not budget.may_hear(ALICE, house.times.clock())
    await house.guilds.choose(GUILD, "member_seconds_per_day", 600)
    house.spending.settings_changed(await house.guilds.get(GUILD))
    assert budget.may_hear(ALICE, house.times.clock())
    assert other.caps.member_seconds is None


# ---------------------------------------------------------------------------- receipts


async def test_a_receipt_equals_the_ledger_while_the_call_is_on(database: Database) -> None:
    house = House(database)
    await house.ledger.add([row(ALICE, 4_000, 2_000, 2, 900, day=TODAY - timedelta(days=1)), row(BOB, 7)])
    budget = await house.spending.open_call(GUILD)
    house.turn(budget, ALICE, 1_500, 2_500)
    house.turn(budget, BOB, 99, 99)
    receipt = await house.spending.receipt(GUILD, ALICE)
    assert list(receipt.rows) == await house.ledger.of_member(GUILD, ALICE)
    assert [line.day for line in receipt.rows] == [TODAY, TODAY - timedelta(days=1)]
    assert (receipt.heard_ms, receipt.spoken_ms, receipt.replies) == (5_500, 4_500, 3)
    assert receipt.cost_micros == 900 + budget.spent.of(ALICE).micros
    assert receipt.of_day(TODAY).heard_ms == 1_500
    assert receipt.currency == "USD"


async def test_a_receipt_is_of_one_server_and_one_member(database: Database) -> None:
    house = House(database)
    budget = await house.spending.open_call(OTHER_GUILD)
    house.turn(budget, ALICE, 1_500, 2_500)
    assert (await house.spending.receipt(GUILD, ALICE)).rows == ()
    assert (await house.spending.receipt(OTHER_GUILD, BOB)).rows == ()


async def test_a_receipt_that_would_be_short_is_refused(database: Database) -> None:
    house = House(database)
    budget = await house.spending.open_call(GUILD)
    house.turn(budget, ALICE, 1_500, 2_500)
    house.ledger.is_failing = True
    with pytest.raises(StorageError):
        await house.spending.receipt(GUILD, ALICE)
    house.ledger.is_failing = False
    assert (await house.spending.receipt(GUILD, ALICE)).heard_ms == 1_500


async def test_today_says_what_is_used_of_what(database: Database) -> None:
    house = House(database, kith_guild_seconds_per_day=100, kith_guild_money_per_day=1.0)
    budget = await house.spending.open_call(GUILD)
    house.turn(budget, ALICE, 20_000, 30_000)
    today = await house.spending.today(GUILD)
    assert today.guild == budget.spent.guild
    assert today.members == budget.spent.members
    assert today.caps == Caps(100, 1_000_000)
    assert today.share == 0.5
    assert today.resets_at == int(datetime(2026, 11, 22, tzinfo=UTC).timestamp())
    assert (await house.spending.today(OTHER_GUILD)).guild.ms == 0


async def test_an_erased_members_unwritten_counters_are_nobodys(database: Database) -> None:
    house = House(database)
    budget = await house.spending.open_call(GUILD)
    house.turn(budget, ALICE, 1_500, 2_500)
    house.turn(budget, BOB, 100, 0)
    house.spending.forget(GUILD, ALICE)
    await house.ledger.erase_member(GUILD, ALICE)
    await house.spending.save(GUILD, budget)
    assert {line.user_id: line.heard_ms for line in await house.ledger.of_day(GUILD, TODAY)} == {
        NOBODY: 1_500,
        BOB: 100,
    }
    house.turn(budget, BOB, 100, 0)
    house.spending.forget(GUILD)
    await house.ledger.erase_guild(GUILD)
    await house.spending.save(GUILD, budget)
    assert await house.ledger.of_day(GUILD, TODAY) == []


async def test_the_reply_that_still_sounds_when_its_member_is_erased_is_nobodys(database: Database) -> None:
    house = House(database)
    budget = await house.spending.open_call(GUILD)
    budget.heard(ALICE, 1_000)
    budget.reserve(house.times.clock())
    house.spending.forget(GUILD, ALICE)
    await house.ledger.erase_member(GUILD, ALICE)
    budget.reconcile(ALICE, 2_000, {}, house.times.clock())
    await house.spending.save(GUILD, budget)
    assert {line.user_id for line in await house.ledger.of_day(GUILD, TODAY)} == {NOBODY}
    house.turn(budget, ALICE, 500, 500)
    await house.spending.save(GUILD, budget)
    assert {line.user_id for line in await house.ledger.of_day(GUILD, TODAY)} == {NOBODY, ALICE}


async def test_an_entry_is_what_a_row_gains(database: Database) -> None:
    house = House(database)
    budget = await house.spending.open_call(GUILD)
    house.turn(budget, ALICE, 1_500, 2_500)
    (entry,) = budget.take_entries()
    assert entry == Entry(ALICE, TODAY, 1_500, 2_500, 1, entry.cost_micros)
    assert entry.cost_micros == 1_000 * 1.5 + 100 * 10
