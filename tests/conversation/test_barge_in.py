"""Speech over a reply: ducked at once, stopped when it is meant."""

from __future__ import annotations

import pytest
from room_script import ALICE, BOB, Room

from bot.conversation.barge_in import is_backchannel, is_stop
from bot.conversation.events import CaptionKind, PersonaChosen, Play, SetGain, StopPlayout, ToModel
from bot.realtime.events import (
    AppendAudio,
    CommitUtterance,
    Interrupt,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyWords,
    UtteranceTranscribed,
)

pytestmark = pytest.mark.core

STORY = "Once upon a time there was a dragon who lived alone on a mountain."


@pytest.fixture
def room() -> Room:
    room = Room()
    room.enter(ALICE, BOB)
    room.open()
    room.say(ALICE)
    room.reply("r1", STORY, 5_000)
    room.begin_playing("r1")
    room.wait(2_000)
    room.log.clear()
    return room


def test_speech_over_a_reply_ducks_it_within_80_ms(room: Room) -> None:
    room.speak(BOB, ms=80)
    assert room.all(SetGain) == [SetGain(0.2)]
    assert not room.is_stopped()


def test_a_confirmed_interruption_stops_the_playout_and_keeps_what_was_heard(room: Room) -> None:
    room.speak(BOB, ms=360)
    assert room.is_stopped()
    assert not room.told(Interrupt), "what was heard is not known before the playout says so"
    room.stop_playing("r1", 2_500, 5_000)
    (interrupt,) = room.told(Interrupt)
    (item,) = interrupt.heard
    assert (item.item_id, item.heard_ms, item.total_ms) == ("r1.item", 2_500, 5_000)
    assert item.heard_text == "Once upon a time there was a"
    (caption,) = room.captions(CaptionKind.HEARD)
    assert caption.is_cut
    assert caption.text == item.heard_text
    assert room.all(SetGain)[-1] == SetGain(1.0)


def test_the_interrupter_speaks_on_and_is_answered(room: Room) -> None:
    room.speak(BOB, ms=400)
    room.stop_playing("r1", 2_500, 5_000)
    assert room.conversation.state == "listening"
    room.speak(BOB, ms=400)
    room.pause(BOB)
    room.wait(1_000)
    assert [speaker for speaker, _ in room.utterances()] == ["Bob"]
    assert room.replies_asked() == 1


def test_what_still_comes_of_an_interrupted_reply_is_not_played(room: Room) -> None:
    room.speak(BOB, ms=400)
    room.feed(ReplyAudio("r1", "r1.item", bytes(960)))
    room.stop_playing("r1", 2_500, 5_000)
    room.feed(ReplyAudio("r1", "r1.item", bytes(960)))
    room.feed(ReplyWords("r1", "r1.item", "late"))
    room.feed(ReplyDone("r1", "cancelled"))
    assert not room.all(Play)
    assert room.conversation.state == "listening"


def test_a_lone_backchannel_unducks_and_the_reply_goes_on(room: Room) -> None:
    room.speak(BOB, ms=240)
    room.pause(BOB)
    room.wait(600)
    assert [gain.gain for gain in room.all(SetGain)] == [0.2, 1.0]
    assert not room.is_stopped()
    assert room.conversation.state == "speaking"
    assert [speaker for speaker, _ in room.utterances()] == ["Bob"], "what was said is not lost"
    assert room.replies_asked() == 0
    room.feed(UtteranceTranscribed("i", "Mm-hm.", "Bob"))
    room.play_out("r1", 3_000)
    room.wait(500)
    assert room.replies_asked() == 0


def test_a_short_question_over_a_reply_is_answered_after_it(room: Room) -> None:
    room.speak(BOB, ms=300)
    room.pause(BOB)
    room.wait(600)
    room.feed(UtteranceTranscribed("i", "Why?", "Bob"))
    assert room.replies_asked() == 0
    room.feed_drained("r1", 5_000)
    assert room.replies_asked() == 1


@pytest.mark.parametrize("words", ["Stop.", "stop", "Wait, wait!", "等等", "等等！", "别说了。"])
def test_stop_always_stops_however_short_it_was(room: Room, words: str) -> None:
    room.speak(BOB, ms=240)
    room.pause(BOB)
    room.wait(600)
    assert not room.is_stopped()
    room.feed(UtteranceTranscribed("i", words, "Bob"))
    assert room.is_stopped()
    room.stop_playing("r1", 3_000, 5_000)
    room.wait(500)
    assert room.replies_asked() == 0, "silence is what they wanted"


def test_stop_that_interrupted_by_its_length_is_not_answered_either(room: Room) -> None:
    room.speak(BOB, ms=500)
    room.stop_playing("r1", 2_400, 5_000)
    room.pause(BOB)
    room.wait(600)
    assert room.replies_asked() == 1
    room.feed(UtteranceTranscribed("i", "Stop!", "Bob"))
    assert len(room.told(Interrupt)) == 2
    assert room.conversation.state == "idle"


def test_a_stop_whose_words_come_late_leaves_the_next_personas_first_words_alone(room: Room) -> None:
    room.speak(BOB, ms=500)
    room.stop_playing("r1", 2_400, 5_000)
    room.feed(PersonaChosen("quizhost", "Quill", "Be Quill.", "voice", "Ask a riddle."))
    room.pause(BOB)
    room.wait(600)
    room.reply("r2", "I am Quill.", 1_000)
    room.begin_playing("r2")
    room.log.clear()
    room.feed(UtteranceTranscribed("i", "Stop!", "Bob"))
    assert not room.is_stopped()
    room.speak(BOB, ms=240)
    room.pause(BOB)
    room.wait(600)
    room.feed(UtteranceTranscribed("i", "Stop!", "Bob"))
    assert room.is_stopped(), "a stop that is meant for it stops it"


def test_a_stop_whose_words_come_late_leaves_the_answer_to_typed_text_alone(room: Room) -> None:
    room.speak(BOB, ms=500)
    room.stop_playing("r1", 2_400, 5_000)
    room.pause(BOB)
    room.wait(600)
    room.reply("r2", "All right.", 500)
    room.play_out("r2", 500)
    room.write(ALICE, "how old are you")
    room.log.clear()
    room.feed(UtteranceTranscribed("i", "Stop!", "Bob"))
    assert not room.told(Interrupt)
    assert room.conversation.state == "thinking"


def test_stop_also_takes_back_the_answer_that_was_still_owed(room: Room) -> None:
    for words in ("Why?", "Stop!"):
        room.speak(BOB, ms=240)
        room.pause(BOB)
        room.wait(600)
        room.feed(UtteranceTranscribed("i", words, "Bob"))
    room.stop_playing("r1", 3_000, 5_000)
    room.wait(500)
    assert room.replies_asked() == 0


def test_a_sentence_that_begins_with_stop_is_more_than_a_wish_for_silence() -> None:
    assert not is_stop("Stop, tell me the time instead.")
    assert is_backchannel("Yeah.")
    assert is_backchannel("嗯嗯，")
    assert not is_backchannel("why")


def test_a_cough_over_a_reply_only_ducks_it(room: Room) -> None:
    room.speak(BOB, ms=100)
    room.pause(BOB)
    room.wait(600)
    assert [gain.gain for gain in room.all(SetGain)] == [0.2, 1.0]
    assert not room.told(CommitUtterance)


def test_who_goes_on_before_the_reply_sounds_is_not_talked_over() -> None:
    room = Room()
    room.enter(ALICE)
    room.open()
    room.say(ALICE)
    room.log.clear()
    room.speak(ALICE, ms=100)
    room.reply("r1", STORY, 3_000)
    assert not room.all(Play), "held back until it is clear whether she means it"
    room.speak(ALICE, ms=400)
    assert [interrupt.heard[0].heard_ms for interrupt in room.told(Interrupt)] == [0]
    assert not room.is_stopped(), "nothing of it was heard"
    room.pause(ALICE)
    room.wait(1_000)
    assert room.replies_asked() == 1
    assert not room.all(Play)


def test_a_reply_held_back_for_nothing_sounds_whole() -> None:
    room = Room()
    room.enter(ALICE)
    room.open()
    room.say(ALICE)
    room.log.clear()
    room.speak(ALICE, ms=200)
    room.reply("r1", STORY, 1_000)
    room.pause(ALICE)
    room.wait(600)
    assert len(room.played()) == 48_000
    room.play_out("r1", 1_000)
    assert [caption.text for caption in room.captions(CaptionKind.HEARD)] == [STORY]
    assert room.conversation.state == "idle"


def test_the_interrupters_first_word_is_with_the_model_before_the_interruption_is_confirmed(room: Room) -> None:
    room.speak(BOB, ms=200)
    assert any(isinstance(told.command, AppendAudio) for told in room.all(ToModel))
    assert not room.all(StopPlayout)


def test_a_reply_in_pieces_that_is_cut_early_keeps_only_its_first_words() -> None:
    room = Room()
    room.enter(ALICE)
    room.open()
    room.say(ALICE)
    room.feed(ReplyStarted("r1"))
    room.feed(ReplyWords("r1", "r1.item", STORY))  # the words run ahead of the sound
    room.feed(ReplyAudio("r1", "r1.item", bytes(48_000)))
    room.begin_playing("r1")
    room.log.clear()
    room.speak(ALICE, ms=400)
    room.stop_playing("r1", 500, 1_000)
    (interrupt,) = room.told(Interrupt)
    assert interrupt.heard[0].heard_text == "Once"
