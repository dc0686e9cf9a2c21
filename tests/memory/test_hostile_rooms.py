"""What a model may make of a talk when people come, go and take things back: nobody is told later what they did not hear."""

from __future__ import annotations

import asyncio

import pytest
from fake_shelves import ALICE, BOB, CAROL, CHANNEL, GUILD, House, caption, memory

from bot.memory.call import CallMemory
from bot.memory.digest import Point
from bot.memory.terms import Outcome
from bot.storage.guilds import MemoryMode
from bot.storage.memories import Kind, Memory

pytestmark = pytest.mark.shell

ALONE, BOTH = frozenset({ALICE}), frozenset({ALICE, BOB})


async def opened(house: House) -> CallMemory:
    return await house.keeper.open_call(GUILD, CHANNEL, "call")


async def remember(call: CallMemory, text: str) -> Outcome:
    return await call.remember(text, Kind.FACT, ALICE, ALICE, BOTH, "en")


async def nothing() -> None:
    pass


def heard_by(house: House) -> list[frozenset[int]]:
    return [one.heard_by for one in house.memories.kept.values()]


async def test_what_was_said_before_somebody_came_is_not_theirs_to_hear_because_it_is_remembered_later() -> None:
    house = House(MemoryMode.USUAL)
    call = await opened(house)
    call.hear(caption(ALICE, "I will move to Oslo in spring", ALONE, 1), 2)
    call.hear(caption(ALICE, "please remember what I told you", BOTH, 10), 11)
    assert await remember(call, "Moves to Oslo in spring.") is Outcome.KEPT
    assert heard_by(house) == [ALONE]


async def test_what_the_last_words_say_themselves_was_heard_by_whoever_heard_those() -> None:
    house = House(MemoryMode.USUAL)
    call = await opened(house)
    call.hear(caption(ALICE, "I will move to Oslo in spring", ALONE, 1), 2)
    call.hear(caption(ALICE, "I grow moss on my balcony", BOTH, 10), 11)
    await remember(call, "Grows moss on the balcony.")
    assert heard_by(house) == [BOTH]


async def test_words_that_stand_in_no_line_were_heard_by_who_heard_every_line() -> None:
    house = House(MemoryMode.USUAL)
    call = await opened(house)
    call.hear(caption(ALICE, "春天我要搬到奥斯陆", ALONE, 1), 2)
    call.hear(caption(ALICE, "记下来吧", BOTH, 10), 11)
    await remember(call, "Moves to Oslo in spring.")
    assert heard_by(house) == [ALONE]


async def test_saying_it_a_second_time_through_the_model_tells_nobody_new() -> None:
    house = House(MemoryMode.USUAL)
    call = await opened(house)
    call.hear(caption(ALICE, "I like moss", ALONE, 1), 2)
    await remember(call, "Likes moss.")
    call.hear(caption(ALICE, "what a day it was", BOTH, 10), 11)
    await remember(call, "Likes moss.")
    assert all(BOB not in each for each in heard_by(house))


async def test_what_was_said_off_the_record_is_not_remembered_when_the_record_is_on_again() -> None:
    house = House(MemoryMode.USUAL)
    call = await opened(house)
    call.tick(100)
    call.go_off_record(700)
    call.hear(caption(ALICE, "I will move to Oslo", BOTH, 690, 699), 701)
    assert await remember(call, "Moves to Oslo.") is Outcome.OFF_RECORD
    call.hear(caption(ALICE, "now remember where I will be", BOTH, 710, 712), 713)
    assert await remember(call, "Moves to Oslo.") is Outcome.OFF_RECORD
    call.hear(caption(ALICE, "I grow moss", BOTH, 720, 721), 722)
    assert await remember(call, "Grows moss.") is Outcome.KEPT
    call.hear(caption(ALICE, "and I do move to Oslo", BOTH, 730, 731), 732)
    assert await remember(call, "Moves to Oslo.") is Outcome.KEPT


async def test_who_takes_their_lines_back_leaves_no_way_round_who_heard_them() -> None:
    house = House(MemoryMode.USUAL)
    call = await opened(house)
    call.hear(caption(ALICE, "I will move to Oslo in spring", ALONE, 1), 2)
    call.forget_member(ALICE)
    call.hear(caption(ALICE, "please remember what I told you", BOTH, 10), 11)
    await remember(call, "Moves to Oslo in spring.")
    assert heard_by(house) == [ALONE]


async def test_who_withdraws_while_a_memory_waits_for_the_disk_is_not_remembered() -> None:
    house = House(MemoryMode.USUAL)
    call = await opened(house)
    writing = call._shelves.writing
    async with writing:
        asked = asyncio.create_task(remember(call, "Likes moss."))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        house.ledger.agreed[ALICE].clear()
    assert await asked is Outcome.NOT_AGREED
    assert house.memories.kept == {}


async def test_what_is_to_rest_leaves_the_session_too_when_somebody_comes_who_did_not_hear_it() -> None:
    house = House(MemoryMode.USUAL)
    await house.memories.add(memory("Likes moss."))
    call = await opened(house)
    assert call.recall(ALONE).memories
    assert await call.let_rest("moss", ALICE, ALONE)
    assert not call.recall(ALONE).is_withdrawn, "Alice knows it herself"
    assert call.recall(BOTH).is_withdrawn, "the model was told, and Bob may not be"
    assert not call.recall(BOTH).is_withdrawn, "once"


async def test_what_is_to_rest_and_is_forgotten_leaves_the_session() -> None:
    house = House(MemoryMode.USUAL)
    await house.memories.add(memory("Likes moss."))
    call = await opened(house)
    call.recall(ALONE)
    await call.let_rest("moss", ALICE, ALONE)
    await house.keeper.forget(GUILD, ALICE)
    assert call.recall(ALONE).is_withdrawn


async def test_who_was_erased_is_named_by_nothing_that_others_had_said() -> None:
    house = House(MemoryMode.STRICT)
    call = await opened(house)
    call.hear(caption(BOB, "I grow moss on my balcony", BOTH, 1), 2)
    await house.keeper.erase(GUILD, ALICE, nothing)
    house.digester.points = [Point("Bob", Kind.FACT, "Grows moss."), Point("Bob", Kind.DIGEST, "Grows moss.")]
    await call.close()
    assert [one.heard_by for one in house.memories.open.values()] == [frozenset({BOB})]
    assert [one.heard_by for one in house.recaps.points] == [frozenset({BOB})]


async def test_who_was_erased_is_named_by_nothing_that_is_said_again() -> None:
    house = House(MemoryMode.USUAL)
    await house.memories.add(memory("Likes moss.", BOB, BOTH))
    call = await opened(house)
    await house.keeper.erase(GUILD, ALICE, nothing)
    await call.remember("Likes moss.", Kind.FACT, BOB, BOB, frozenset({BOB, CAROL}), "en")
    assert heard_by(house) == [frozenset({BOB, CAROL})]


async def test_what_was_thrown_away_does_not_stand_in_the_recap_of_the_same_talk() -> None:
    house = House(MemoryMode.USUAL)
    call = await opened(house)
    call.hear(caption(ALICE, "I grow moss on my balcony", BOTH, 1), 2)
    await remember(call, "Grows moss on the balcony.")
    await house.keeper.forget(GUILD, ALICE, set(house.memories.kept))
    house.digester.points = [Point("Alice", Kind.DIGEST, "Grows moss on the balcony.")]
    await call.close()
    assert house.recaps.points == []


async def test_who_was_erased_and_comes_back_is_not_paused_for_ever() -> None:
    house = House(MemoryMode.USUAL)
    call = await opened(house)
    await house.keeper.pause(GUILD, ALICE, True)
    await house.keeper.erase(GUILD, ALICE, nothing)
    call.learned(memory())
    assert call.recall(ALONE).memories


async def test_what_is_on_its_way_to_the_disk_when_its_member_is_erased_is_erased_with_the_rest() -> None:
    house = House(MemoryMode.USUAL)
    call = await opened(house)
    may_write, add = asyncio.Event(), house.memories.add

    async def add_slowly(memory: Memory) -> None:
        await may_write.wait()
        await add(memory)

    house.memories.add = add_slowly  # type: ignore[method-assign]

    async def erase() -> None:
        house.memories.kept.clear()

    asked = asyncio.create_task(remember(call, "Likes moss."))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    erasing = asyncio.create_task(house.keeper.erase(GUILD, ALICE, erase))
    await asyncio.sleep(0)
    may_write.set()
    await asyncio.gather(asked, erasing)
    assert house.memories.kept == {}
    assert call.recollection.alike(ALICE, "Likes moss.") is None
