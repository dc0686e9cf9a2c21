"""The model's `remember` and `recall` on the real memory and a real database: over calls, rooms and servers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hostile import CORPUS
from tool_rooms import ALICE, BOB, CHANNEL, GUILD, MALLORY, NOW, asked, room

from bot.memory.call import CallMemory
from bot.memory.keeper import Keeper
from bot.storage.consent import ConsentLedger, Scope
from bot.storage.database import Database
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.guilds import MemoryMode
from bot.storage.members import MemberChoices
from bot.storage.memory_repository import MemoryRepository
from bot.storage.recap_repository import RecapRepository
from bot.storage.vault import Vault

pytestmark = pytest.mark.shell

OTHER = 2
MOSS = {"about": "me", "text": "likes moss"}


class Servers:
    """Two servers that keep what their members say of themselves, and a house for them. Bob has not agreed to be remembered."""

    def __init__(self, keeper: Keeper, ledger: ConsentLedger) -> None:
        self.keeper = keeper
        self.ledger = ledger
        self.calls = 0

    async def call(self, guild_id: int = GUILD) -> CallMemory:
        self.calls += 1
        return await self.keeper.open_call(guild_id, CHANNEL, f"{self.calls:032x}")

    async def ask(
        self, call: CallMemory, tool: str, arguments: Any, asked_by: int = ALICE, present: set[int] | None = None
    ) -> dict[str, Any]:
        there = frozenset({ALICE} if present is None else present)
        return await asked(tool, arguments, room(call), asked_by=asked_by, present=there)


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[Servers]:
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'kith.sqlite3'}")
    try:
        vault, ledger, guilds = (
            await Vault.open(database, bytes(32)),
            ConsentLedger(database, "local"),
            GuildSettingsRepository(database),
        )
        for guild_id in (GUILD, OTHER):
            await guilds.choose(guild_id, "memory", MemoryMode.USUAL)
            for user_id in (ALICE, BOB, MALLORY):
                await ledger.allow(guild_id, user_id)
            for user_id in (ALICE, MALLORY):
                await ledger.allow(guild_id, user_id, Scope.REMEMBER)
        memories, recaps = MemoryRepository(database, vault), RecapRepository(database, vault)
        yield Servers(Keeper(memories, recaps, MemberChoices(database), ledger, guilds, None, lambda: NOW), ledger)
    finally:
        await database.close()


async def test_what_was_kept_in_one_call_is_found_in_the_next(servers: Servers) -> None:
    first = await servers.call()
    assert (await servers.ask(first, "remember", MOSS))["result"].startswith("Kept.")
    await first.close()
    found = await servers.ask(await servers.call(), "recall", {"words": "moss"})
    assert found["remembered"] == [{"about": "Alice", "words": "likes moss"}]


async def test_it_is_not_found_on_another_server_nor_by_people_who_did_not_hear_it(servers: Servers) -> None:
    await servers.ask(await servers.call(), "remember", MOSS)
    for guild_id, present in ((OTHER, {ALICE}), (GUILD, {ALICE, BOB}), (GUILD, {MALLORY}), (GUILD, set())):
        call = await servers.call(guild_id)
        found = await servers.ask(call, "recall", {"words": "moss"}, ALICE, present)
        assert found["remembered"] == [], (guild_id, present)


async def test_who_has_not_agreed_is_not_remembered_by_anybodys_word(servers: Servers) -> None:
    call = await servers.call()
    assert "not agreed" in (await servers.ask(call, "remember", MOSS, BOB, {ALICE, BOB}))["result"]
    told = await servers.ask(call, "remember", {"about": "Bob", "text": "owes Alice a tea"}, ALICE, {ALICE, BOB})
    assert "not agreed" in told["result"]
    assert await servers.keeper.show(GUILD, BOB) == []
    assert await servers.keeper.proposals(GUILD, BOB) == []


async def test_what_somebody_says_of_another_waits_for_that_others_word(servers: Servers) -> None:
    call = await servers.call()
    told = await servers.ask(call, "remember", {"about": "Alice", "text": "likes chess"}, MALLORY, {ALICE, MALLORY})
    assert told["result"].startswith("Not kept yet")
    assert await servers.keeper.show(GUILD, ALICE) == []
    [one] = await servers.keeper.proposals(GUILD, ALICE)
    assert (one.speaker_id, one.subject_id) == (MALLORY, ALICE)


async def test_off_the_record_nothing_is_kept(servers: Servers) -> None:
    call = await servers.call()
    call.go_off_record(1e9)
    assert "off the record" in (await servers.ask(call, "remember", MOSS))["result"]
    assert await servers.keeper.show(GUILD, ALICE) == []


async def test_no_hostile_call_brings_out_what_the_room_may_not_know(servers: Servers) -> None:
    """Alice's own words, said to herself alone; then Mallory comes, and the model does whatever it is told."""
    await servers.ask(await servers.call(), "remember", {"about": "me", "text": "keeps a canary called Coco"})
    call = await servers.call()
    for tool in ("recall", "remember"):
        for arguments in CORPUS:
            told = await servers.ask(call, tool, arguments, MALLORY, {ALICE, MALLORY})
            assert "Coco" not in json.dumps(told)
    assert {one.speaker_id for one in await servers.keeper.show(GUILD, MALLORY)} <= {MALLORY}
    assert {one.text for one in await servers.keeper.show(GUILD, ALICE)} == {"keeps a canary called Coco"}
    assert await servers.keeper.show(GUILD, BOB) == []


async def test_what_its_subject_wants_left_alone_is_told_no_more_and_nobody_else_can_want_it(servers: Servers) -> None:
    first = await servers.call()
    await servers.ask(first, "remember", MOSS)
    await first.close()
    call = await servers.call()
    there = frozenset({ALICE})
    assert call.recall(there).memories
    assert "nothing of theirs" in (await servers.ask(call, "let_rest", {"words": "moss"}, MALLORY))["result"]
    assert "not come up again" in (await servers.ask(call, "let_rest", {"words": "moss"}))["result"]
    after = call.recall(there)
    assert (after.memories, after.is_withdrawn) == ((), False)
    assert (await servers.ask(call, "recall", {"words": "moss"}))["remembered"] == []
    [kept] = await servers.keeper.show(GUILD, ALICE)
    assert kept.is_muted
