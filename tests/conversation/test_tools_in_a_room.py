"""Tools in a talk: the model calls, the host answers, one reply follows."""

from __future__ import annotations

import pytest
from room_script import ALICE, BOB, Room

from bot.conversation.events import CallTool, HostNote, Member, MemberPresent, Recalled, ToolAnswered
from bot.conversation.tool_calls import ENOUGH, TOOLS_A_QUESTION, TOOLS_IN_A_ROW
from bot.errors import ModelFault
from bot.realtime.events import (
    AddText,
    AnswerTool,
    ModelLost,
    ModelReady,
    Reconfigure,
    ReplyDone,
    ReplyStarted,
    ToolCalled,
    TurnMode,
)

pytestmark = pytest.mark.core


def asked(room: Room, call_id: str = "c1") -> None:
    """Alice says something, and the model answers with a call."""
    room.say(ALICE)
    room.feed(ReplyStarted("r1"))
    room.feed(ToolCalled(call_id, "roll_dice", "{}"))
    room.feed(ReplyDone("r1", "completed"))


def wants_model(room: Room) -> bool:
    return room.conversation.wants_model


def talking() -> Room:
    room = Room()
    room.enter(ALICE, BOB)
    room.open()
    return room


def test_a_call_says_whose_words_were_answered_and_who_is_there() -> None:
    room = talking()
    asked(room)
    [call] = room.all(CallTool)
    assert (call.name, call.asked_by, call.present) == ("roll_dice", ALICE, frozenset({ALICE, BOB}))


def test_the_answer_goes_to_the_model_and_one_reply_is_asked_for() -> None:
    room = talking()
    asked(room)
    before = room.replies_asked()
    room.feed(ToolAnswered("c1", '{"dice": [4]}'))
    room.wait(200)
    assert [answer.output for answer in room.told(AnswerTool)] == ['{"dice": [4]}']
    assert room.replies_asked() == before + 1


def test_two_calls_of_one_response_get_one_reply_after_the_second_answer() -> None:
    room = talking()
    room.say(ALICE)
    room.feed(ReplyStarted("r1"))
    room.feed(ToolCalled("c1", "roll_dice", "{}"))
    room.feed(ToolCalled("c2", "current_time", "{}"))
    room.feed(ReplyDone("r1", "completed"))
    before = room.replies_asked()
    room.feed(ToolAnswered("c1", "{}"))
    room.wait(100)
    assert room.replies_asked() == before
    room.feed(ToolAnswered("c2", "{}"))
    room.wait(100)
    assert room.replies_asked() == before + 1


def test_a_model_that_calls_and_calls_is_told_to_answer_with_what_it_knows() -> None:
    room = talking()
    room.say(ALICE)
    for number in range(TOOLS_IN_A_ROW + 2):
        room.feed(ReplyStarted(f"r{number}"))
        room.feed(ToolCalled(f"c{number}", "roll_dice", "{}"))
        room.feed(ReplyDone(f"r{number}", "completed"))
        if number < TOOLS_IN_A_ROW:
            room.feed(ToolAnswered(f"c{number}", "{}"))
        room.wait(60)
    assert len(room.all(CallTool)) == TOOLS_IN_A_ROW
    assert [answer.output for answer in room.told(AnswerTool)].count(ENOUGH) == 2


def call_and_reply(room: Room, number: int, *, says: str = "") -> None:
    """A response that calls a tool, with or without words before; what is called is answered at once."""
    reply, call = f"r{number}", f"c{number}"
    room.feed(ReplyStarted(reply))
    if says:
        room.reply(reply, says, 200, is_done=False, is_announced=False)
    room.feed(ToolCalled(call, "roll_dice", "{}"))
    room.feed(ReplyDone(reply, "completed"))
    if says:
        room.play_out(reply, 200)
    if any(one.call_id == call for one in room.all(CallTool)):
        room.feed(ToolAnswered(call, "{}"))
    room.wait(100)


def test_a_model_that_talks_and_calls_in_turns_comes_to_an_end_too() -> None:
    room = talking()
    room.say(ALICE)
    asked_for = 0
    while room.replies_asked() > asked_for:
        asked_for = room.replies_asked()
        call_and_reply(room, asked_for, says="Let me see.")
        assert asked_for <= TOOLS_A_QUESTION + 2
    assert len(room.all(CallTool)) == TOOLS_A_QUESTION


def test_to_the_next_question_it_may_call_tools_again() -> None:
    room = talking()
    room.say(ALICE)
    for number in range(TOOLS_IN_A_ROW + 2):
        call_and_reply(room, number)
    room.log.clear()
    room.say(ALICE)
    call_and_reply(room, 100)
    assert [one.call_id for one in room.all(CallTool)] == ["c100"]
    assert room.replies_asked() == 2, "to Alice, and after the tool"


def test_a_call_that_is_told_twice_is_run_once() -> None:
    room = talking()
    room.say(ALICE)
    room.feed(ReplyStarted("r1"))
    room.feed(ToolCalled("c1", "roll_dice", "{}"))
    room.feed(ToolCalled("c1", "roll_dice", "{}"))
    room.feed(ReplyDone("r1", "completed"))
    assert len(room.all(CallTool)) == 1


def test_a_session_that_is_gone_waits_for_nothing_and_the_new_one_is_told_as_a_note() -> None:
    room = talking()
    asked(room)
    room.feed(ModelLost(ModelFault.CLOSED, 0.1))
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    room.feed(ToolAnswered("c1", "four"))
    room.wait(200)
    assert room.told(AnswerTool) == []
    assert any("four" in text.text for text in room.told(AddText))


def test_somebody_who_speaks_on_while_a_tool_runs_gets_one_reply_to_both() -> None:
    room = talking()
    asked(room)
    room.speak(ALICE, ms=400)
    before = room.replies_asked()
    room.feed(ToolAnswered("c1", "{}"))
    assert room.replies_asked() == before
    room.pause(ALICE)
    room.wait(1_000)
    assert room.replies_asked() == before + 1


def test_what_the_host_has_to_say_waits_for_a_pause() -> None:
    room = talking()
    room.speak(ALICE, ms=400)
    room.feed(HostNote("Remind Alice of the tea."))
    assert not any("tea" in text for text in room.texts())
    room.pause(ALICE)
    room.wait(1_000)
    assert any("tea" in text for text in room.texts())
    assert room.replies_asked() == 1


def test_memories_that_fit_the_room_are_told_in_the_next_pause() -> None:
    room = talking()
    room.speak(ALICE, ms=400)
    room.feed(Recalled("Be Kith. Alice likes moss."))
    room.pause(ALICE)
    room.wait(1_000)
    assert [told.config.instructions for told in room.told(Reconfigure)] == ["Be Kith. Alice likes moss."]


def test_what_is_not_for_somebody_who_came_leaves_with_the_session_that_knew_it() -> None:
    room = talking()
    room.say(ALICE)
    room.feed(Recalled("Be Kith.", is_withdrawn=True))
    assert not wants_model(room)
    assert len(room.conversation.transcript) == 0
    room.feed(MemberPresent(Member(3, "Carol", True)))
    room.wait(40)
    assert wants_model(room)
    assert room.conversation.config.instructions == "Be Kith."
    room.log.clear()
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    room.wait(100)
    assert not any("talk so far" in text for text in room.texts())


def test_a_session_that_was_taken_back_for_somebody_who_came_is_not_answered_by_the_next() -> None:
    room = talking()
    asked(room)
    room.feed(Recalled("Be Kith, who knows nothing.", is_withdrawn=True))
    room.wait(200)
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    room.feed(ToolAnswered("c1", '{"dice": [4]}'))
    room.wait(200)
    assert room.told(AnswerTool) == []
    assert any("dice" in note.text for note in room.told(AddText))


def test_what_the_host_has_to_say_outlives_a_session_that_is_taken_back() -> None:
    room = talking()
    room.say(ALICE)
    room.feed(HostNote("It is time to water the moss."))
    room.feed(Recalled("Be Kith, who knows nothing.", is_withdrawn=True))
    room.wait(200)
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    room.wait(2_000)
    assert any("water the moss" in note.text for note in room.told(AddText))
