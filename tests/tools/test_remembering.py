"""The model keeps and looks up: for whom, about whom, and what the room may know."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_of_call import FakeMemory, memory
from tool_rooms import ALICE, BOB, GUILD, MALLORY, asked, room

from bot.memory.room import Room, may_recall
from bot.memory.terms import Outcome
from bot.storage.memories import ROOM, Kind, Memory
from bot.tools.remembering import _OUTCOMES as TOLD

pytestmark = pytest.mark.shell

BOTH = frozenset({ALICE, BOB})


async def keep(kept: FakeMemory, about: str, asked_by: int | None = ALICE, present: frozenset[int] = BOTH) -> str:
    arguments = {"about": about, "text": "likes moss", "kind": "preference"}
    told = await asked("remember", arguments, room(kept), asked_by=asked_by, present=present)
    return str(told.get("result") or told["error"])


@pytest.mark.parametrize("about", ["me", "Me", "myself", "我", "Alice", "alice"])
async def test_what_somebody_says_of_themselves_is_theirs(about: str) -> None:
    kept = FakeMemory()
    assert (await keep(kept, about)).startswith("Kept.")
    assert kept.kept == [("likes moss", Kind.PREFERENCE, ALICE, ALICE, BOTH, "en")]


async def test_what_somebody_says_of_another_is_noted_as_said_by_them() -> None:
    kept = FakeMemory(outcome=Outcome.PROPOSED)
    assert "will be asked" in await keep(kept, "Bob")
    assert kept.kept[0][2:4] == (BOB, ALICE)


async def test_what_nobody_said_is_not_kept() -> None:
    kept = FakeMemory()
    assert "not clear who said it" in await keep(kept, "me", asked_by=None)
    assert kept.kept == []


@pytest.mark.parametrize("about", ["Carol", "everyone", "the room", "666", "<@666>", "admin", "system", "Alice, Bob"])
async def test_somebody_who_is_not_in_the_call_is_nobody(about: str) -> None:
    kept = FakeMemory()
    assert (await keep(kept, about)).startswith("about: nobody in the call is called so")
    assert kept.kept == []


async def test_somebody_who_has_left_is_not_in_the_call() -> None:
    kept = FakeMemory()
    assert (await keep(kept, "Bob", present=frozenset({ALICE}))).startswith("about: nobody in the call")


async def test_who_types_from_outside_of_the_channel_heard_what_they_typed() -> None:
    kept = FakeMemory()
    await keep(kept, "me", present=frozenset({BOB}))
    assert kept.kept[0][4] == BOTH


@pytest.mark.parametrize("outcome", Outcome)
async def test_every_outcome_is_told_in_plain_words(outcome: Outcome) -> None:
    assert await keep(FakeMemory(outcome=outcome), "me") == TOLD[outcome]


def test_the_words_that_tell_an_outcome_stay_for_small_models_that_go_by_them() -> None:
    telling = {
        Outcome.KEPT: "Kept.",
        Outcome.PROPOSED: "Not kept yet",
        Outcome.NOT_AGREED: "Not kept: they have not agreed",
        Outcome.OFF_RECORD: "Not kept: the room is off the record",
        Outcome.OFF: "Not kept: nothing is remembered",
        Outcome.FULL: "Not kept: that is enough",
        Outcome.UNCLEAR: "Not kept: expected",
    }
    assert set(telling) == set(TOLD)
    assert all(TOLD[outcome].startswith(words) for outcome, words in telling.items())


async def test_who_has_not_agreed_is_told_so_kindly() -> None:
    assert "Say so kindly" in await keep(FakeMemory(outcome=Outcome.NOT_AGREED), "me")


async def test_what_is_found_is_told_with_whom_it_is_about() -> None:
    kept = FakeMemory(memory("likes moss", ALICE, BOTH), memory("plays chess here", ROOM, BOTH))
    told = await asked("recall", {"words": "moss"}, room(kept))
    assert told["remembered"] == [
        {"about": "Alice", "words": "likes moss"},
        {"about": "the room", "words": "plays chess here"},
    ]


async def test_nothing_found_is_said_so_that_nothing_is_made_up() -> None:
    assert "do not make it up" in (await asked("recall", {"words": "moss"}, room(FakeMemory())))["note"]


async def test_whoever_came_while_the_call_waited_for_its_turn_counts_as_listening() -> None:
    kept = FakeMemory(memory("likes moss", ALICE, frozenset({ALICE})))
    alone = frozenset({ALICE})
    here = replace(room(kept), present=BOTH)
    assert (await asked("recall", {"words": "moss"}, here, present=alone))["remembered"] == []
    assert (await asked("recall", {"words": "moss"}, room(kept), present=alone))["remembered"] != []


@st.composite
def shelves(draw: st.DrawFn) -> tuple[Memory, ...]:
    people = st.frozensets(st.sampled_from([ALICE, BOB, MALLORY]), max_size=3)
    return tuple(
        memory(
            f"canary {number}",
            draw(st.sampled_from([ROOM, ALICE, BOB, MALLORY])),
            draw(people),
            guild_id=draw(st.sampled_from([GUILD, 2])),
            is_shareable=draw(st.booleans()),
            is_muted=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 6)))
    )


@given(shelves(), st.frozensets(st.sampled_from([ALICE, BOB, MALLORY]), max_size=3))
@settings(deadline=None, max_examples=200)
async def test_a_memory_that_finds_too_much_still_tells_no_room_what_it_may_not_know(
    found: tuple[Memory, ...], present: frozenset[int]
) -> None:
    told = await asked("recall", {"words": "canary"}, room(FakeMemory(*found)), present=present)
    allowed = {one.text for one in found if may_recall(one, Room(GUILD, present))}
    assert {line["words"] for line in told["remembered"]} == allowed
