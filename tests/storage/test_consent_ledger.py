"""Who may be heard: fails closed, agreement counts from its commit, withdrawal from the call."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import StorageError
from bot.storage.consent import ConsentLedger
from bot.storage.database import Database

pytestmark = pytest.mark.shell
pytest_plugins = ("opened",)

GUILD, ALICE, BEN = 10, 1, 2


class SlowDatabase(Database):
    """The real one, which commits only when it is let, or not at all."""

    @classmethod
    def around(cls, database: Database) -> SlowDatabase:
        slow = cls(database._engine)
        slow.gate = asyncio.Event()
        slow.gate.set()
        slow.is_broken = False
        return slow

    gate: asyncio.Event
    is_broken: bool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        async with super().transaction() as session:
            yield session
            await self.gate.wait()
            if self.is_broken:
                raise StorageError("the disk is full")


async def test_nobody_is_heard_by_default(database: Database) -> None:
    ledger = ConsentLedger(database, "local")
    assert not ledger.allowed(GUILD, ALICE)
    await ledger.load(GUILD)
    assert not ledger.allowed(GUILD, ALICE)
    assert ledger.who(GUILD) == frozenset()


async def test_agreement_is_for_one_member_of_one_guild(database: Database) -> None:
    ledger = ConsentLedger(database, "local")
    await ledger.allow(GUILD, ALICE)
    assert ledger.allowed(GUILD, ALICE)
    assert not ledger.allowed(GUILD, BEN)
    assert not ledger.allowed(GUILD + 1, ALICE)


async def test_agreement_survives_a_restart_and_counts_only_once_it_is_loaded(database: Database) -> None:
    await ConsentLedger(database, "local").allow(GUILD, ALICE)
    restarted = ConsentLedger(database, "local")
    assert not restarted.allowed(GUILD, ALICE)
    await restarted.load(GUILD)
    assert restarted.who(GUILD) == {ALICE}


async def test_withdrawal_survives_a_restart(database: Database) -> None:
    ledger = ConsentLedger(database, "local")
    await ledger.allow(GUILD, ALICE)
    await ledger.withdraw(GUILD, ALICE)
    restarted = ConsentLedger(database, "local")
    await restarted.load(GUILD)
    assert not restarted.allowed(GUILD, ALICE)


async def test_agreement_to_another_recipient_is_none_and_counts_again_when_it_is_the_one_of_before(
    database: Database,
) -> None:
    await ConsentLedger(database, "local").allow(GUILD, ALICE)
    moved = ConsentLedger(database, "api.example.org")
    await moved.load(GUILD)
    assert not moved.allowed(GUILD, ALICE)
    await moved.allow(GUILD, BEN)
    back = ConsentLedger(database, "local")
    await back.load(GUILD)
    assert back.who(GUILD) == {ALICE}


async def test_agreement_to_an_older_notice_is_none(database: Database) -> None:
    await ConsentLedger(database, "local", notice_version=1).allow(GUILD, ALICE)
    ledger = ConsentLedger(database, "local", notice_version=2)
    await ledger.load(GUILD)
    assert not ledger.allowed(GUILD, ALICE)
    await ledger.allow(GUILD, ALICE)
    assert ledger.allowed(GUILD, ALICE)


async def test_agreement_does_not_count_before_it_is_committed(database: Database) -> None:
    slow = SlowDatabase.around(database)
    ledger = ConsentLedger(slow, "local")
    await ledger.load(GUILD)
    slow.gate.clear()
    agreeing = asyncio.create_task(ledger.allow(GUILD, ALICE))
    await asyncio.sleep(0.05)
    assert not ledger.allowed(GUILD, ALICE)
    slow.gate.set()
    await agreeing
    assert ledger.allowed(GUILD, ALICE)


async def test_agreement_that_fails_to_commit_changes_nothing(database: Database) -> None:
    slow = SlowDatabase.around(database)
    ledger = ConsentLedger(slow, "local")
    await ledger.load(GUILD)
    slow.is_broken = True
    with pytest.raises(StorageError):
        await ledger.allow(GUILD, ALICE)
    assert not ledger.allowed(GUILD, ALICE)


async def test_withdrawal_counts_before_the_disk_is_asked(database: Database) -> None:
    slow = SlowDatabase.around(database)
    ledger = ConsentLedger(slow, "local")
    await ledger.allow(GUILD, ALICE)
    slow.gate.clear()
    withdrawing = asyncio.create_task(ledger.withdraw(GUILD, ALICE))
    await asyncio.sleep(0)
    assert not ledger.allowed(GUILD, ALICE)
    slow.gate.set()
    await withdrawing


async def test_withdrawal_wins_over_an_agreement_that_is_still_on_its_way(database: Database) -> None:
    slow = SlowDatabase.around(database)
    ledger = ConsentLedger(slow, "local")
    await ledger.load(GUILD)
    slow.gate.clear()
    agreeing = asyncio.create_task(ledger.allow(GUILD, ALICE))
    await asyncio.sleep(0.05)
    withdrawing = asyncio.create_task(ledger.withdraw(GUILD, ALICE))
    await asyncio.sleep(0)
    slow.gate.set()
    await asyncio.gather(agreeing, withdrawing)
    assert not ledger.allowed(GUILD, ALICE)
    restarted = ConsentLedger(database, "local")
    await restarted.load(GUILD)
    assert not restarted.allowed(GUILD, ALICE)


async def test_withdrawal_while_the_guild_is_being_loaded_counts(database: Database) -> None:
    await ConsentLedger(database, "local").allow(GUILD, ALICE)
    slow = SlowDatabase.around(database)
    slow.gate.clear()
    ledger = ConsentLedger(slow, "local")
    loading = asyncio.create_task(ledger.load(GUILD))
    await asyncio.sleep(0.05)
    withdrawing = asyncio.create_task(ledger.withdraw(GUILD, ALICE))
    await asyncio.sleep(0)
    slow.gate.set()
    await asyncio.gather(loading, withdrawing)
    assert not ledger.allowed(GUILD, ALICE)


async def test_a_withdrawal_that_cannot_be_written_is_in_force_and_written_later(database: Database) -> None:
    slow = SlowDatabase.around(database)
    ledger = ConsentLedger(slow, "local")
    await ledger.allow(GUILD, ALICE)
    slow.is_broken = True
    with pytest.raises(StorageError):
        await ledger.withdraw(GUILD, ALICE)
    assert not ledger.allowed(GUILD, ALICE)
    assert ledger.unsaved == 1
    slow.is_broken = False
    await ledger.save()
    assert ledger.unsaved == 0
    restarted = ConsentLedger(database, "local")
    await restarted.load(GUILD)
    assert not restarted.allowed(GUILD, ALICE)


async def test_both_times_stay_as_proof(database: Database, database_url: str) -> None:
    ledger = ConsentLedger(database, "local")
    await ledger.allow(GUILD, ALICE)
    await ledger.withdraw(GUILD, ALICE)
    with sqlite3.connect(Path(database_url.removeprefix("sqlite+aiosqlite:///"))) as raw:
        [(granted_at, withdrawn_at)] = raw.execute("SELECT granted_at, withdrawn_at FROM consent").fetchall()
    raw.close()
    assert granted_at <= withdrawn_at


async def test_a_guild_that_is_gone_is_forgotten(database: Database) -> None:
    ledger = ConsentLedger(database, "local")
    await ledger.allow(GUILD, ALICE)
    await ledger.allow(GUILD + 1, ALICE)
    await ledger.erase_guild(GUILD)
    assert not ledger.allowed(GUILD, ALICE)
    assert ledger.allowed(GUILD + 1, ALICE)
    restarted = ConsentLedger(database, "local")
    await restarted.load(GUILD)
    assert restarted.who(GUILD) == frozenset()


Act = tuple[str, int, int]
acts = st.lists(
    st.tuples(st.sampled_from(["allow", "withdraw", "restart", "load"]), st.integers(1, 2), st.integers(1, 3)),
    max_size=12,
)


@given(acts)
@settings(deadline=None, max_examples=25)
def test_the_last_word_of_each_member_holds(tmp_path_factory: pytest.TempPathFactory, deeds: list[Act]) -> None:
    async def live() -> None:
        folder = tmp_path_factory.mktemp("ledger")
        database = await Database.open(f"sqlite+aiosqlite:///{folder}/kith.sqlite3")
        ledger = ConsentLedger(database, "local")
        last: dict[tuple[int, int], bool] = {}
        for deed, guild, user in deeds:
            if deed == "restart":
                ledger = ConsentLedger(database, "local")
                for known in {guild_id for guild_id, _ in last}:
                    await ledger.load(known)
            elif deed == "load":
                await ledger.load(guild)
            else:
                await getattr(ledger, deed)(guild, user)
                last[guild, user] = deed == "allow"
            for (guild_id, user_id), expected in last.items():
                assert ledger.allowed(guild_id, user_id) is expected
        await database.close()

    asyncio.run(live())
