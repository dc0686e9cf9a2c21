"""What comes to mind: what fits, what is fresh, who is there; and what was told only just now has to wait."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fake_shelves import ALICE, BOB, CAROL, GUILD, NOON, memory

from bot.memory import recollection
from bot.memory.grams import grams, likeness
from bot.memory.recollection import LINE_TOKENS, Recollection
from bot.memory.room import Room
from bot.memory.tokens import tokens
from bot.storage.memories import Kind, Memory

pytestmark = pytest.mark.core

HERE = Room(GUILD, frozenset({ALICE}))


def texts(memories: tuple[Memory, ...]) -> list[str]:
    return [one.text for one in memories]


def searched(words: str, *memories: Memory, room: Room = HERE) -> list[str]:
    return texts(Recollection(memories, NOON).search(words, room, 5, NOON))


def recalled(*memories: Memory, room: Room = HERE, budget: int = 600) -> list[str]:
    return texts(Recollection(memories, NOON).recall(room, budget, NOON))


# ---------------------------------------------------------------------------- words


def test_words_are_compared_by_their_stems_and_chinese_by_pairs() -> None:
    assert grams("She likes trains") & grams("liking a train") >= {"train"}
    assert grams("喜欢下雨天") & grams("下雨的时候") == {"下雨"}
    assert grams("ＭＯＳＳ") == grams("moss")
    assert grams("…!?") == frozenset()


def test_the_same_said_twice_is_alike_and_another_thing_is_not() -> None:
    assert likeness(grams("Likes moss and ferns."), grams("She likes ferns and moss!")) > 0.6
    assert likeness(grams("Likes moss."), grams("Likes trains.")) < 0.3
    assert likeness(grams("喜欢喝乌龙茶"), grams("喜欢喝龙井茶")) < 0.6


# ---------------------------------------------------------------------------- search


def test_a_search_finds_by_words_in_either_language() -> None:
    shelf = [memory("Likes moss."), memory("Plays chess with her father."), memory("喜欢在下雨天听民谣。")]
    assert searched("who plays chess?", *shelf) == ["Plays chess with her father."]
    assert searched("下雨的时候听什么", *shelf) == ["喜欢在下雨天听民谣。"]


def test_stop_words_find_nothing() -> None:
    assert searched("what does she like", memory("Likes moss.")) == []
    assert searched("我喜欢什么", memory("喜欢苔藓。")) == []


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    common = [memory(f"Drinks tea at {hour} o'clock.") for hour in ("one", "two", "three", "four")]
    assert searched("tea and bagpipes", *common, memory("Owns bagpipes."))[0] == "Owns bagpipes."


def test_a_search_about_somebody_finds_what_there_is_of_them() -> None:
    shelf = Recollection([memory("Likes moss."), memory("Likes rain.", BOB, {ALICE, BOB})], NOON)
    assert texts(shelf.search("", HERE, 5, NOON, [BOB])) == ["Likes rain."]
    assert texts(shelf.search("moss", HERE, 5, NOON, [BOB])) == ["Likes rain.", "Likes moss."]


def test_a_search_obeys_the_rule() -> None:
    assert searched("moss", memory("Likes moss."), room=Room(GUILD, frozenset({ALICE, BOB}))) == []


# ---------------------------------------------------------------------------- recall


def test_who_is_there_comes_first_then_the_fresher() -> None:
    both = {ALICE, BOB}
    of_bob = memory("Likes rain.", BOB, both)
    old, new = memory("Likes moss.", made_at=NOON - timedelta(days=90)), memory("Likes ferns.")
    assert recalled(of_bob, old, new) == ["Likes ferns.", "Likes moss.", "Likes rain."]


def test_a_promise_comes_before_a_summary() -> None:
    promise, summary = memory("Will bring cake.", kind=Kind.PROMISE), memory("Talked of tea.", kind=Kind.DIGEST)
    assert recalled(summary, promise) == ["Will bring cake.", "Talked of tea."]


def test_the_budget_is_kept_and_a_long_one_makes_room_for_short_ones() -> None:
    long, short = memory("Likes " + "very " * 30 + "old moss.", kind=Kind.PROMISE), memory("Likes ferns.")
    room_for_one = tokens(short.text) + LINE_TOKENS
    assert recalled(long, short, budget=room_for_one) == ["Likes ferns."]
    assert recalled(long, short, budget=room_for_one - 1) == []


def test_what_was_told_lately_waits_behind_what_was_not() -> None:
    told = memory("Likes moss.", used_at=NOON - timedelta(hours=2))
    older = memory("Likes ferns.", made_at=NOON - timedelta(days=60))
    assert recalled(told, older) == ["Likes ferns.", "Likes moss."]
    long_ago = memory("Likes moss.", used_at=NOON - timedelta(days=2))
    assert recalled(long_ago, older) == ["Likes moss.", "Likes ferns."]


def test_a_room_whose_only_memory_was_told_just_now_still_gets_it() -> None:
    assert recalled(memory("Likes moss.", used_at=NOON - timedelta(minutes=5), uses=9)) == ["Likes moss."]


@pytest.mark.parametrize(
    "hidden",
    [
        memory(is_muted=True),
        memory(expires_at=NOON),
        memory(heard_by={BOB}),
        memory(guild_id=GUILD + 1),
        memory(subject=BOB, speaker_id=ALICE, heard_by={BOB}, is_shareable=True),
    ],
)
def test_what_is_not_for_the_room_is_never_told(hidden: Memory) -> None:
    assert recalled(hidden) == []
    assert searched("moss", hidden) == []


def test_what_its_subject_shares_is_for_every_room_of_the_server() -> None:
    shared = memory(subject=BOB, heard_by={BOB}, is_shareable=True)
    assert recalled(shared, room=Room(GUILD, frozenset({ALICE, CAROL}))) == ["Likes moss."]


def test_who_is_not_remembered_any_more_is_not_told_of() -> None:
    shelf = Recollection([memory(), memory("Likes rain.", BOB, {ALICE, BOB})], NOON, lambda user_id: user_id != ALICE)
    assert texts(shelf.recall(HERE, 600, NOON)) == ["Likes rain."]


def test_what_is_dropped_or_changed_is_found_as_it_is_now() -> None:
    one = memory()
    shelf = Recollection([one], NOON)
    shelf.put(memory("Likes ferns.", memory_id=one.memory_id))
    assert texts(shelf.search("moss ferns", HERE, 5, NOON)) == ["Likes ferns."]
    shelf.drop([one.memory_id, "another"])
    assert shelf.search("ferns", HERE, 5, NOON) == shelf.recall(HERE, 600, NOON) == ()
    assert len(shelf) == 0


def test_the_best_of_very_many_are_the_best_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The short way through the order finds what a look at each of them would."""
    people = [ALICE, BOB, CAROL]
    many = [
        memory(
            f"Likes number {n}.",
            people[n % 3],
            people,
            made_at=NOON - timedelta(days=n * 7 % 200),
            kind=list(Kind)[n % 5],
            used_at=NOON - timedelta(hours=1) if n % 4 == 0 else None,
        )
        for n in range(400)
    ]
    shelf = Recollection(many, NOON)
    for room in (HERE, Room(GUILD, frozenset({BOB, CAROL}))):
        monkeypatch.undo()
        told = shelf.recall(room, 600, NOON)
        monkeypatch.setattr(recollection, "CANDIDATES", len(many))
        assert told == shelf.recall(room, 600, NOON)
        assert len(told) > 20
