"""Every table belongs to somebody who erases and exports it; what is erased is in no table any more, and in no byte of any file.

The tables are found by introspection: a new one fails here until an aggregate owns it.
"""

from __future__ import annotations

import inspect
import json
import pkgutil
import random
import shutil
import sqlite3
from collections import Counter
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from time import perf_counter

import pytest
from households import ALICE, BEN, HERE, NOW, THERE, estate_of, fill, found_in_files, names, rows_of
from sqlalchemy import event, select

import bot.storage
from bot.errors import StorageError
from bot.settings import load_settings
from bot.storage import database as storage_database
from bot.storage.aggregate import Aggregate
from bot.storage.consent import ConsentLedger, Scope
from bot.storage.database import Database
from bot.storage.memories import Kind, Memory, Proposal
from bot.storage.memory_repository import MemoryRepository
from bot.storage.tables import GuildKeyRow, MemoryRow, ProposalRow, Table
from bot.storage.vault import NONCE_BYTES, Vault
from bot.stores import Stores

pytestmark = pytest.mark.shell
pytest_plugins = ("opened",)

for module in pkgutil.iter_modules(bot.storage.__path__, "bot.storage."):
    import_module(module.name)

AGGREGATES = [kind for kind in Aggregate.__subclasses__() if kind.__module__.startswith("bot.storage.")]


@pytest.fixture
def folder(database_url: str) -> Path:
    return Path(database_url.removeprefix("sqlite+aiosqlite:///")).parent


# ---------------------------------------------------------------------------- whose tables


def test_every_table_belongs_to_exactly_one_aggregate() -> None:
    owned = Counter(table.__tablename__ for aggregate in AGGREGATES for table in aggregate.tables)
    assert owned == Counter(list(Table.metadata.tables))


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_every_aggregate_erases_and_exports_by_itself(aggregate: type[Aggregate]) -> None:
    assert not inspect.isabstract(aggregate)
    for duty in ("erase_member", "erase_guild", "export_member"):
        assert duty in vars(aggregate), f"{aggregate.__name__} has no {duty}"


def test_the_parts_of_an_export_have_names_of_their_own() -> None:
    assert len({aggregate.name for aggregate in AGGREGATES}) == len(AGGREGATES)


async def test_the_estate_of_the_house_and_of_these_tests_has_every_aggregate(database: Database, vault: Vault) -> None:
    assert {type(one) for one in estate_of(database, vault).aggregates} == set(AGGREGATES)
    stores = await Stores.open(load_settings(kith_database_url="sqlite+aiosqlite:///:memory:", _env_file=None))
    assert {type(one) for one in stores.estate.aggregates} == set(AGGREGATES)
    await stores.close()


# ---------------------------------------------------------------------------- how long

STAY = {
    "consent": "proof of what was agreed to and taken back; until its member erases it",
    "guild_choices": "the server's settings, until they are changed",
    "channel_personas": "a setting too; at most as many as a server has channels",
    "member_personas": "a member's choice, until they change or erase it",
    "member_choices": "a member's choice, until they change or erase it",
    "guild_personas": "what was approved, until it is deleted",
    "persona_files": "of a persona, with which they go",
    "guild_keys": "what the server's words are sealed with, until the server removes the bot",
}
"""Tables whose rows do not go by themselves, and why. Every other one has an end, which the privacy policy names."""


async def test_whatever_has_no_reason_to_stay_goes_by_itself(database: Database, vault: Vault) -> None:
    await fill(database, vault)
    estate, later = estate_of(database, vault), NOW + timedelta(days=5 * 366)
    await estate.clear_out(later)
    memories = next(one for one in estate.aggregates if isinstance(one, MemoryRepository))
    for guild in (HERE, THERE):  # as long as each server says: `Keeper.keep_house`
        await memories.expire(guild, later, later - timedelta(days=365))
    left = {table.name for table in Table.metadata.sorted_tables if await rows_of(database, table, HERE)}
    assert left <= STAY.keys()
    assert set(Table.metadata.tables) >= STAY.keys()


# ---------------------------------------------------------------------------- erase and export


async def test_no_table_names_a_member_who_was_erased_and_all_others_stay(database: Database, vault: Vault) -> None:
    await fill(database, vault)
    there = {table.name: await rows_of(database, table, THERE) for table in Table.metadata.sorted_tables}
    assert any(names(row, ALICE) for rows in there.values() for row in rows)
    await estate_of(database, vault).erase_member(HERE, ALICE)
    for table in Table.metadata.sorted_tables:
        rows = await rows_of(database, table, HERE)
        assert [row for row in rows if names(row, ALICE)] == [], table.name
        assert await rows_of(database, table, THERE) == there[table.name], table.name
        if any(names(row, BEN) for row in there[table.name]):
            assert any(names(row, BEN) for row in rows), f"{table.name}: Ben is gone with Alice"


async def test_no_row_of_a_guild_that_was_erased_is_left_and_all_of_the_others(
    database: Database, vault: Vault
) -> None:
    await fill(database, vault)
    there = {table.name: await rows_of(database, table, THERE) for table in Table.metadata.sorted_tables}
    await estate_of(database, vault).erase_guild(HERE)
    for table in Table.metadata.sorted_tables:
        assert await rows_of(database, table, HERE) == [], table.name
        assert await rows_of(database, table, THERE) == there[table.name] != [], table.name


async def test_erasing_twice_is_as_good_as_once(database: Database, vault: Vault) -> None:
    await fill(database, vault)
    estate = estate_of(database, vault)
    for _ in range(2):
        await estate.erase_member(HERE, ALICE)
    for _ in range(2):
        await estate.erase_guild(HERE)


async def test_an_export_is_json_of_the_members_own_in_this_guild(database: Database, vault: Vault) -> None:
    await fill(database, vault)
    told = json.dumps(await estate_of(database, vault).export_member(HERE, ALICE))
    assert f"words of {ALICE}" in told
    assert str(BEN) not in told
    assert str(THERE) not in told


async def test_every_table_that_holds_a_member_is_in_the_export(database: Database, vault: Vault) -> None:
    estate = estate_of(database, vault)
    empty = await estate.export_member(HERE, ALICE)
    await fill(database, vault)
    full = await estate.export_member(HERE, ALICE)
    for aggregate in estate.aggregates:
        if any(
            "user_id" in table.__table__.columns or "subject_id" in table.__table__.columns
            for table in aggregate.tables
        ):
            assert full[aggregate.name] != empty[aggregate.name], aggregate.name


async def test_an_erase_that_fails_half_way_has_erased_nothing(database: Database, vault: Vault) -> None:
    await fill(database, vault)
    estate = estate_of(database, vault)
    before = {table.name: await rows_of(database, table, HERE) for table in Table.metadata.sorted_tables}

    def fail(_c: object, _cur: object, statement: str, *_: object) -> None:
        if statement.startswith("DELETE FROM member_choices"):
            raise StorageError("the disk is full")

    engine = database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", fail)
    with pytest.raises(StorageError):
        await estate.erase_member(HERE, ALICE)
    event.remove(engine, "before_cursor_execute", fail)
    for table in Table.metadata.sorted_tables:
        assert await rows_of(database, table, HERE) == before[table.name], table.name


async def test_who_is_erased_is_heard_no_more_before_the_disk_is_asked(database: Database, vault: Vault) -> None:
    estate = estate_of(database, vault)
    ledger = next(one for one in estate.aggregates if isinstance(one, ConsentLedger))
    for scope in Scope:
        await ledger.allow(HERE, ALICE, scope)
    await ledger.allow(HERE, BEN)
    heard_at_the_disk: list[bool] = []

    def look(*_: object) -> None:
        heard_at_the_disk.append(ledger.allowed(HERE, ALICE))

    event.listen(database._engine.sync_engine, "begin", look)
    await estate.erase_member(HERE, ALICE)
    event.remove(database._engine.sync_engine, "begin", look)
    assert heard_at_the_disk[0] is False
    assert not any(ledger.allowed(HERE, ALICE, scope) for scope in Scope)
    assert ledger.allowed(HERE, BEN)
    await ledger.save()
    restarted = ConsentLedger(database, "local")
    await restarted.load(HERE)
    assert restarted.who(HERE) == {BEN}
    assert await restarted.export_member(HERE, ALICE) == []


async def test_who_was_erased_may_agree_anew(database: Database, vault: Vault) -> None:
    estate = estate_of(database, vault)
    ledger = next(one for one in estate.aggregates if isinstance(one, ConsentLedger))
    await ledger.allow(HERE, ALICE)
    await estate.erase_member(HERE, ALICE)
    await ledger.allow(HERE, ALICE)
    await ledger.save()
    assert ledger.allowed(HERE, ALICE)
    restarted = ConsentLedger(database, "local")
    await restarted.load(HERE)
    assert restarted.allowed(HERE, ALICE)


# ---------------------------------------------------------------------------- not a byte


async def sealed_bytes(database: Database, guild: int, member: int) -> list[bytes]:
    """Nonce and ciphertext of everything that is remembered of the member or proposed to them, each by itself."""
    async with database.transaction() as session:
        rows = [
            sealed
            for table in (MemoryRow, ProposalRow)
            for sealed in await session.scalars(
                select(table.sealed).where(table.guild_id == guild, table.subject_id == member)
            )
        ]
    return [part for sealed in rows for part in (sealed[:NONCE_BYTES], sealed[NONCE_BYTES:])]


async def remember_much(kept: MemoryRepository, count: int, seed: int) -> list[str]:
    """Of two members, in random order and of many lengths, so that rows move from page to page; some is used, changed and proposed."""
    chance = random.Random(seed)
    everybody = frozenset({ALICE, BEN})
    ids = []
    for number in range(count):
        row_id = chance.randbytes(16).hex()
        subject = chance.choice((ALICE, BEN))
        text = "苔" * chance.randint(1, 60) if number % 2 else "m" * chance.randint(1, 200)
        await kept.add(Memory(HERE, row_id, subject, subject, everybody, Kind.FACT, text, "zh", NOW))
        ids += [row_id] if subject == ALICE else []
        if number % 9 == 0:
            later = NOW + timedelta(seconds=number)
            await kept.propose(
                [Proposal(HERE, chance.randbytes(16).hex(), ALICE, BEN, everybody, Kind.FACT, text, "zh", later, later)]
            )
    await kept.mark_used(HERE, ids[::3], NOW)
    return ids


@pytest.mark.parametrize("seed", range(3))
async def test_no_byte_of_what_was_forgotten_is_in_any_file(
    database: Database, vault: Vault, folder: Path, seed: int
) -> None:
    kept = MemoryRepository(database, vault)
    await remember_much(kept, 300, seed)
    needles = await sealed_bytes(database, HERE, ALICE)
    bens = await sealed_bytes(database, HERE, BEN)
    assert found_in_files(folder, needles) == len(needles) > 200
    await kept.forget(HERE, ALICE)
    assert found_in_files(folder, needles) == 0
    assert found_in_files(folder, bens) == len(bens)


async def test_no_byte_of_one_memory_that_was_forgotten_or_changed_is_in_any_file(
    database: Database, vault: Vault, folder: Path
) -> None:
    kept = MemoryRepository(database, vault)
    ids = await remember_much(kept, 60, 5)
    async with database.transaction() as session:
        rows = select(MemoryRow.sealed).where(MemoryRow.memory_id.in_(ids[:2]))
        needles = [part for one in await session.scalars(rows) for part in (one[:NONCE_BYTES], one[NONCE_BYTES:])]
    assert found_in_files(folder, needles) == 4
    await kept.forget(HERE, ALICE, ids[:1])
    await kept.change(HERE, ALICE, ids[1], text="something else")
    assert found_in_files(folder, needles) == 0


async def test_what_has_had_its_time_leaves_no_gaps_either_though_nothing_else_goes_in_the_next_round(
    database: Database, vault: Vault, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = MemoryRepository(database, vault)
    await remember_much(kept, 300, 1)
    await database.scrub()  # somebody forgot something a moment ago: the file is not written anew twice an hour
    full = file_bytes(folder)
    await kept.expire(HERE, NOW, NOW + timedelta(days=1))
    assert file_bytes(folder) == full, "where it lay is empty now, and may hold copies"
    monkeypatch.setattr(storage_database, "SCRUB_EVERY_S", 0.0)  # an hour later
    assert await kept.expire(HERE, NOW, NOW + timedelta(days=1)) == 0
    assert file_bytes(folder) < full


def file_bytes(folder: Path) -> int:
    return max(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def test_no_byte_of_a_proposal_that_was_dropped_is_in_any_file(
    database: Database, vault: Vault, folder: Path
) -> None:
    kept = MemoryRepository(database, vault)
    everybody = frozenset({ALICE, BEN})
    await kept.propose([Proposal(HERE, "a" * 32, ALICE, BEN, everybody, Kind.FACT, "likes moss", "en", NOW, NOW)])
    needles = await sealed_bytes(database, HERE, ALICE)
    assert found_in_files(folder, needles) == 2
    await kept.settle(HERE, ALICE, "a" * 32, keep=False)
    assert found_in_files(folder, needles) == 0


async def test_no_byte_of_an_erased_member_is_in_any_file(database: Database, vault: Vault, folder: Path) -> None:
    await fill(database, vault)
    await remember_much(MemoryRepository(database, vault), 100, 1)
    needles = await sealed_bytes(database, HERE, ALICE)
    assert found_in_files(folder, needles) == len(needles) > 0
    await estate_of(database, vault).erase_member(HERE, ALICE)
    assert found_in_files(folder, needles) == 0


async def test_no_byte_of_an_erased_guild_nor_its_key_is_in_any_file(
    database: Database, vault: Vault, folder: Path
) -> None:
    await fill(database, vault)
    await remember_much(MemoryRepository(database, vault), 100, 2)
    async with database.transaction() as session:
        wrapped = (await session.scalars(select(GuildKeyRow.wrapped).where(GuildKeyRow.guild_id == HERE))).one()
    needles = [wrapped, *await sealed_bytes(database, HERE, ALICE), *await sealed_bytes(database, HERE, BEN)]
    assert found_in_files(folder, needles) == len(needles)
    await estate_of(database, vault).erase_guild(HERE)
    assert found_in_files(folder, needles) == 0


def copied(folder: Path) -> Path:
    return Path(shutil.copytree(folder, folder.parent / "after"))


async def test_what_a_crash_left_between_deleting_and_scrubbing_is_gone_after_the_next_opening(
    database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are copied as a crash would leave them, log and all, and opened."""
    database = await Database.open(database_url)
    kept = MemoryRepository(database, await Vault.open(database, b"k" * 32))
    await remember_much(kept, 200, 3)
    needles = await sealed_bytes(database, HERE, ALICE)

    async def crash(*_: object, **__: object) -> None:
        raise StorageError("the light went out")

    with monkeypatch.context() as patched:
        patched.setattr(Database, "scrub", crash)
        with pytest.raises(StorageError):
            await kept.forget(HERE, ALICE)
    after = copied(folder)
    await database.close()
    assert found_in_files(after, needles) > 0
    reopened = await Database.open(f"sqlite+aiosqlite:///{after}/kith.sqlite3")
    assert found_in_files(after, needles) == 0
    await reopened.close()


async def test_somebody_who_reads_the_database_meanwhile_is_told_of(
    database: Database, vault: Vault, folder: Path
) -> None:
    kept = MemoryRepository(database, vault)
    await remember_much(kept, 3, 4)
    raw = await database._engine.raw_connection()
    assert raw.driver_connection is not None
    await raw.driver_connection.execute_fetchall("PRAGMA busy_timeout=50")
    raw.close()
    reader = sqlite3.connect(folder / "kith.sqlite3")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM memories").fetchone()
    with pytest.raises(StorageError, match="another program reads"):
        await kept.forget(HERE, ALICE)
    reader.close()
    assert await kept.forget(HERE, ALICE) == 0
    assert (folder / "kith.sqlite3-wal").stat().st_size == 0


async def test_five_thousand_memories_are_forgotten(
    database: Database, vault: Vault, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = MemoryRepository(database, vault)
    cipher = await vault.cipher(HERE)
    chance = random.Random(0)
    async with database.transaction() as session:
        for _ in range(5_000):
            row_id = chance.randbytes(16).hex()
            sealed = cipher.seal("memories", ALICE, row_id, "m" * 100)
            session.add(
                MemoryRow(
                    guild_id=HERE,
                    memory_id=row_id,
                    subject_id=ALICE,
                    speaker_id=ALICE,
                    heard_by=[ALICE, BEN],
                    kind="fact",
                    sealed=sealed,
                    language="en",
                    is_shareable=False,
                    is_muted=False,
                    uses=0,
                    made_at=NOW,
                )
            )
    needles = await sealed_bytes(database, HERE, ALICE)
    began = perf_counter()
    assert len(await kept.all(HERE)) == 5_000
    read_s = perf_counter() - began
    began = perf_counter()
    assert await kept.forget(HERE, ALICE) == 5_000
    forgot_s = perf_counter() - began
    assert found_in_files(folder, needles[:100]) == 0
    with capsys.disabled():
        print(f"\n5 000 memories: read and opened in {read_s:.3f} s, forgotten in {forgot_s:.3f} s")
