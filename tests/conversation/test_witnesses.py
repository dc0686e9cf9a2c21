"""Who heard what: only people who were there for all of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from room_script import ALICE, BOB, CAROL, Room

from bot.conversation.events import Caption, MemberGone, TextSaid
from bot.conversation.witnesses import Witnesses
from bot.realtime.events import UtteranceTranscribed

pytestmark = pytest.mark.core


def test_somebody_who_comes_between_the_words_and_their_recognition_did_not_hear_them() -> None:
    room = Room()
    room.enter(ALICE)
    room.enter(BOB)
    room.open()
    room.say(ALICE)
    room.enter(CAROL)
    room.feed(UtteranceTranscribed("item", "I like moss", "Alice"))
    [caption] = [command for _, command in room.log if isinstance(command, Caption)]
    assert caption.heard_by == {ALICE, BOB}


def test_somebody_who_left_before_the_end_did_not_hear_all_of_it_and_the_speaker_always_did() -> None:
    witnesses = Witnesses()
    for user_id in (ALICE, BOB, CAROL):
        witnesses.came(user_id, 0.0)
    witnesses.left(BOB, 5.0)
    witnesses.left(CAROL, 9.0)
    assert witnesses.of(4.0, 6.0) == {ALICE, CAROL}
    witnesses.came(BOB, 10.0)
    assert witnesses.of(4.0, 6.0) == {ALICE, CAROL}
    assert witnesses.of(1.0, 4.0) == {ALICE, BOB, CAROL}


def test_a_speaker_who_leaves_with_the_last_word_heard_it() -> None:
    room = Room()
    room.enter(ALICE)
    room.enter(BOB)
    room.open()
    room.speak(ALICE, ms=600)
    room.feed(MemberGone(ALICE))
    room.feed(UtteranceTranscribed("item", "Bye", "Alice"))
    [caption] = [command for _, command in room.log if isinstance(command, Caption)]
    assert ALICE in caption.heard_by


@given(
    stays=st.lists(st.tuples(st.integers(1, 4), st.floats(0, 50), st.floats(0, 50)), max_size=20),
    spoken=st.tuples(st.floats(0, 50), st.floats(0, 50)),
)
def test_a_witness_was_there_at_the_beginning_and_at_the_end(
    stays: list[tuple[int, float, float]], spoken: tuple[float, float]
) -> None:
    witnesses, started_at, ended_at = Witnesses(), min(spoken), max(spoken)
    clock = 0.0
    true: list[tuple[int, float, float]] = []
    for user_id, pause, length in stays:
        clock += pause
        witnesses.came(user_id, clock)
        witnesses.left(user_id, clock + length)
        true.append((user_id, clock, clock + length))
        clock += length
    expected = {user_id for user_id, since, until in true if since <= started_at and until >= ended_at}
    assert witnesses.of(started_at, ended_at) == expected


def test_what_somebody_types_for_the_companion_alone_was_heard_by_nobody_else() -> None:
    room = Room()
    room.enter(ALICE)
    room.enter(BOB)
    room.open()
    room.feed(TextSaid(ALICE, "I like moss", "Alice"))
    [caption] = [command for _, command in room.log if isinstance(command, Caption)]
    assert caption.heard_by == {ALICE}
