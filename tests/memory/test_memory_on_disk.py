"""The keeper over the real shelves: sealed rows in a database on the disk, through calls, members' wishes and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fake_shelves import ALICE, BOB, CAROL, CHANNEL, GUILD, ScriptedDigester, caption

from bot.housekeeping import keep_house
from bot.memory.digest import Point
from bot.memory.keeper import Keeper
from bot.memory.terms import Outcome
from bot.storage.calls import CallLog
from bot.storage.consent import ConsentLedger, Scope
from bot.storage.database import Database
from bot.storage.estate import Estate
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.members import MemberChoices
from bot.storage.memories import Kind
from bot.storage.memory_repository import MemoryRepository
from bot.storage.recap_repository import RecapRepository
from bot.storage.vault import Vault

pytestmark = pytest.mark.shell

BOTH = frozenset({ALICE, BOB})
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Disk:
    """The shelves of one process."""

    def __init__(self, database: Database, vault: Vault, folder: Path) -> None:
        self.folder = folder
        self.database = database
        self.ledger = ConsentLedger(database, "local")
        self.guilds = GuildSettingsRepository(database)
        self.digester = ScriptedDigester()
        memories, recaps = MemoryRepository(database, vault), RecapRepository(database, vault)
        choices = MemberChoices(database)
        self.now = NOW
        self.keeper = Keeper(memories, recaps, choices, self.ledger, self.guilds, self.digester, lambda: self.now)

    async def agree(self, *members: int) -> None:
        for user_id in members:
            for scope in Scope:
                await self.ledger.allow(GUILD, user_id, scope)

    def bytes(self) -> bytes:
        return b"".join(path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file())


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[Disk]:
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path}/data/kith.sqlite3")
    yield Disk(database, await Vault.open(database, b"k" * 32), tmp_path)
    await database.close()


async def test_said_proposed_kept_and_remembered_in_the_next_call_for_those_who_heard_it(disk: Disk) -> None:
    await disk.agree(ALICE, BOB)
    call = await disk.keeper.open_call(GUILD, CHANNEL, "one")
    call.hear(caption(ALICE, "I planted moss", BOTH), 0)
    disk.digester.points = [
        Point("Alice", Kind.FACT, "Planted moss."),
        Point("Alice", Kind.DIGEST, "Told of her moss."),
    ]
    assert await call.close() == {ALICE}

    [proposal] = await disk.keeper.proposals(GUILD, ALICE)
    assert await disk.keeper.settle(GUILD, ALICE, proposal.proposal_id, True) is not None
    assert [point.text for point in await disk.keeper.recap(GUILD, CHANNEL, BOTH)] == ["Told of her moss."]

    call = await disk.keeper.open_call(GUILD, CHANNEL, "two")
    assert [one.text for one in call.recall(BOTH).memories] == ["Planted moss."]
    assert call.recall(BOTH | {CAROL}).is_withdrawn
    await call.close()
    [kept] = await disk.keeper.show(GUILD, ALICE)
    assert (kept.uses, kept.used_at) == (1, NOW)


async def test_what_is_forgotten_is_gone_from_the_open_call_and_from_the_files(disk: Disk) -> None:
    await disk.agree(ALICE)
    await disk.guilds.choose(GUILD, "memory", "usual")
    call = await disk.keeper.open_call(GUILD, CHANNEL, "one")
    assert await call.remember("Planted moss.", Kind.FACT, ALICE, ALICE, BOTH, "en") is Outcome.KEPT
    [kept] = await disk.keeper.show(GUILD, ALICE)
    assert kept.memory_id.encode() in disk.bytes()
    assert b"moss" not in disk.bytes()
    assert await disk.keeper.forget(GUILD, ALICE) >= 1
    assert kept.memory_id.encode() not in disk.bytes()
    assert call.search("moss", frozenset({ALICE})) == ()


async def test_the_newer_words_take_the_older_ones_place(disk: Disk) -> None:
    await disk.agree(ALICE)
    await disk.guilds.choose(GUILD, "memory", "usual")
    call = await disk.keeper.open_call(GUILD, CHANNEL, "one")
    for text in ("Likes moss and old ferns.", "Likes moss and ferns."):
        assert await call.remember(text, Kind.FACT, ALICE, ALICE, BOTH, "en") is Outcome.KEPT
    [kept] = await disk.keeper.show(GUILD, ALICE)
    assert kept.text == "Likes moss and ferns."
    rewritten = await disk.keeper.edit(GUILD, ALICE, kept.memory_id, "Collects stamps.")
    assert rewritten is not None
    assert await disk.keeper.show(GUILD, ALICE) == [rewritten]
    assert rewritten.heard_by == {ALICE}


async def test_time_keeps_what_nobody_dropped_and_takes_what_nobody_used(disk: Disk) -> None:
    await disk.agree(ALICE)
    await disk.guilds.choose(GUILD, "memory", "usual")
    await disk.guilds.choose(GUILD, "retention_days", 30)
    call = await disk.keeper.open_call(GUILD, CHANNEL, "one")
    call.hear(caption(ALICE, "I planted moss", BOTH), 0)
    disk.digester.points = [Point("Alice", Kind.FACT, "Planted moss.")]
    await call.close()
    await disk.keeper.keep_house(NOW + timedelta(days=1), [GUILD])
    assert [one.text for one in await disk.keeper.show(GUILD, ALICE)] == ["Planted moss."]
    await disk.keeper.keep_house(NOW + timedelta(days=32), [GUILD])
    assert await disk.keeper.show(GUILD, ALICE) == []


async def test_what_cannot_be_cleared_out_of_memory_keeps_nothing_else_longer_than_its_time(
    disk: Disk, tmp_path: Path
) -> None:
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path}/calls.sqlite3")
    log = CallLog(database)
    await log.started(GUILD, CHANNEL)
    await disk.database.close()  # from here on memory fails
    cleared = asyncio.Event()

    def later() -> datetime:
        return datetime.now(UTC) + timedelta(days=91)

    class Watched(CallLog):
        async def clear_out(self, now: datetime) -> int:
            count = await super().clear_out(now)
            cleared.set()
            return count

    house = asyncio.create_task(keep_house(disk.keeper, Estate(database, [Watched(database)]), lambda: [GUILD], later))
    await asyncio.wait({house, asyncio.create_task(cleared.wait())}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    house.cancel()
    assert await log.recent(GUILD) == []
    await database.close()


async def test_a_pause_outlives_the_process(disk: Disk) -> None:
    await disk.agree(ALICE)
    await disk.guilds.choose(GUILD, "memory", "usual")
    await disk.keeper.pause(GUILD, ALICE, True)
    call = await disk.keeper.open_call(GUILD, CHANNEL, "one")
    assert await call.remember("Planted moss.", Kind.FACT, ALICE, ALICE, BOTH, "en") is Outcome.NOT_AGREED
