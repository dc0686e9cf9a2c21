"""A model cannot unlearn: whoever takes their agreement back takes their words from the talk, and the session that heard them ends."""

from __future__ import annotations

import pytest
from room_script import ALICE, BOB, Room

from bot.conversation.events import ConsentWithdrawn, MemberGone
from bot.errors import ModelFault
from bot.realtime.events import Interrupt, ModelLost, ModelReady, Respond, TurnMode, UtteranceTranscribed

pytestmark = pytest.mark.core

RENEW_MS = 60
"""Longer than the time between two ticks of a room in which something happens."""


def tell(room: Room, user_id: int, name: str, text: str) -> None:
    """A whole utterance, its words, and nobody answers yet."""
    room.say(user_id)
    room.feed(UtteranceTranscribed("i", text, name))


def answered(room: Room, response_id: str, text: str) -> None:
    room.reply(response_id, text, 400)
    room.play_out(response_id, 400)


def is_renewed(room: Room, ms: int = RENEW_MS) -> bool:
    """Whether the session was closed in the next moments; afterwards one is wanted again."""
    was_closed = not room.conversation.wants_model
    for _ in range(ms // 20):
        room.step()
        was_closed = was_closed or not room.conversation.wants_model
    assert room.conversation.wants_model
    return was_closed


@pytest.fixture
def room() -> Room:
    room = Room()
    room.enter(ALICE, BOB)
    room.open()
    return room


@pytest.mark.parametrize("mode", TurnMode)
def test_the_session_that_heard_a_member_ends_with_their_agreement(mode: TurnMode) -> None:
    room = Room(mode=mode)
    room.enter(ALICE, BOB)
    room.open()
    tell(room, ALICE, "Alice", "I moved to Lisbon.")
    answered(room, "r1", "Lisbon! How is it?")
    room.feed(ConsentWithdrawn(ALICE))
    assert is_renewed(room)


def test_the_next_session_knows_what_others_said_and_were_answered_and_nothing_of_who_withdrew(room: Room) -> None:
    tell(room, BOB, "Bob", "I like moss.")
    answered(room, "r1", "Moss is patient.")
    tell(room, ALICE, "Alice", "I moved to Lisbon.")
    answered(room, "r2", "Lisbon! How is it?")
    room.feed(ConsentWithdrawn(ALICE))
    room.wait(RENEW_MS)
    room.log.clear()
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    told = "\n".join(room.texts())
    assert "moss" in told
    assert "patient" in told
    assert "Lisbon" not in told
    assert "Alice" not in told


def test_what_was_typed_was_heard_too(room: Room) -> None:
    room.write(ALICE, "I moved to Lisbon.")
    answered(room, "r1", "How is it?")
    room.feed(ConsentWithdrawn(ALICE))
    assert is_renewed(room)


def test_who_said_nothing_to_this_session_leaves_it_as_it_is(room: Room) -> None:
    tell(room, BOB, "Bob", "I like moss.")
    answered(room, "r1", "Moss is patient.")
    room.feed(ConsentWithdrawn(ALICE))
    assert not is_renewed(room)


def test_what_a_member_said_to_an_earlier_session_is_gone_with_it(room: Room) -> None:
    tell(room, ALICE, "Alice", "I moved to Lisbon.")
    answered(room, "r1", "How is it?")
    room.feed(ConsentWithdrawn(ALICE))
    assert is_renewed(room)
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    room.enter(ALICE)
    room.feed(ConsentWithdrawn(ALICE))
    assert not is_renewed(room)


def test_a_session_that_was_told_of_the_talk_before_it_knows_what_a_member_said_too(room: Room) -> None:
    tell(room, ALICE, "Alice", "I moved to Lisbon.")
    answered(room, "r1", "How is it?")
    room.feed(ModelLost(ModelFault.CLOSED, 0.5))
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    assert "Lisbon" in "\n".join(room.texts())
    room.feed(ConsentWithdrawn(ALICE))
    assert is_renewed(room)


def test_a_reply_to_who_withdrew_that_is_cut_is_not_told_to_the_next_session(room: Room) -> None:
    tell(room, BOB, "Bob", "I like moss.")
    answered(room, "r1", "Moss is patient.")
    tell(room, ALICE, "Alice", "I moved to Lisbon.")
    room.reply("r2", "Lisbon is a town of hills, and of trams, and of light.", 4_000)
    room.begin_playing("r2")
    room.wait(2_000)
    room.feed(ConsentWithdrawn(ALICE))
    room.stop_playing("r2", 2_000, 4_000)
    room.wait(RENEW_MS)
    room.log.clear()
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    told = "\n".join(room.texts())
    assert "moss" in told
    assert "Lisbon" not in told


def test_a_reply_to_several_is_heard_to_its_end_and_not_told_to_the_next_session(room: Room) -> None:
    room.speak(ALICE, BOB, ms=600)
    room.pause(ALICE, BOB)
    room.wait(1_500)
    room.feed(UtteranceTranscribed("i1", "I moved to Lisbon.", "Alice"))
    room.feed(UtteranceTranscribed("i2", "I like moss.", "Bob"))
    room.reply("r1", "Is there moss in Lisbon?", 2_000)
    room.begin_playing("r1")
    room.wait(500)
    room.feed(ConsentWithdrawn(ALICE))
    assert not room.is_stopped()
    room.feed_drained("r1", 2_000)
    assert is_renewed(room)
    room.log.clear()
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    told = "\n".join(room.texts())
    assert "moss" in told
    assert "Lisbon" not in told


def test_a_reply_to_another_is_heard_to_its_end_first(room: Room) -> None:
    tell(room, ALICE, "Alice", "I moved to Lisbon.")
    answered(room, "r1", "How is it?")
    tell(room, BOB, "Bob", "I like moss.")
    room.reply("r2", "Moss is patient.", 2_000)
    room.begin_playing("r2")
    room.log.clear()
    room.feed(ConsentWithdrawn(ALICE))
    assert not is_renewed(room, 1_000)
    assert not room.is_stopped()
    room.feed_drained("r2", 2_000)
    assert is_renewed(room)


def test_a_reply_to_who_withdrew_is_cut(room: Room) -> None:
    tell(room, ALICE, "Alice", "I moved to Lisbon.")
    room.reply("r1", "Lisbon! A long story about Lisbon.", 5_000)
    room.begin_playing("r1")
    room.feed(ConsentWithdrawn(ALICE))
    assert room.is_stopped()
    room.stop_playing("r1", 100, 5_000)
    assert is_renewed(room)


def test_no_reply_is_asked_for_between_the_withdrawal_and_the_end_of_the_session(room: Room) -> None:
    tell(room, ALICE, "Alice", "I moved to Lisbon.")
    answered(room, "r1", "How is it?")
    room.log.clear()
    room.feed(ConsentWithdrawn(ALICE))
    room.wait(RENEW_MS)
    assert not room.told(Respond)
    assert not room.told(Interrupt)


def test_a_session_that_ends_anyway_is_not_ended_twice(room: Room) -> None:
    tell(room, ALICE, "Alice", "I moved to Lisbon.")
    answered(room, "r1", "How is it?")
    room.feed(MemberGone(BOB))
    room.feed(ConsentWithdrawn(ALICE))
    assert not room.conversation.wants_model
    room.enter(BOB)
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    assert not is_renewed(room)


def test_a_session_that_was_lost_before_the_pause_is_not_ended_again(room: Room) -> None:
    tell(room, ALICE, "Alice", "I moved to Lisbon.")
    answered(room, "r1", "How is it?")
    room.speak(BOB, ms=200)
    room.feed(ConsentWithdrawn(ALICE))
    room.feed(ModelLost(ModelFault.CLOSED, 0.5))
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    room.pause(BOB)
    assert not is_renewed(room, 1_000)
