"""Turns that the model's own detection decides, and the switch between both ways in the middle of a talk."""

from __future__ import annotations

import pytest
from room_script import ALICE, BOB, VALUES, Room, values

from bot.audio.frame import pcm_ms
from bot.conversation.events import CaptionKind, ConsentWithdrawn, ToModel
from bot.realtime.events import (
    AddText,
    AppendAudio,
    CommitUtterance,
    DiscardAudio,
    Interrupt,
    ModelHearsSilence,
    ModelHearsSpeech,
    Respond,
    TurnMode,
    TurnModeChanged,
    UtteranceTranscribed,
)

pytestmark = pytest.mark.core


@pytest.fixture
def room() -> Room:
    room = Room(mode=TurnMode.SERVER_VAD)
    room.enter(ALICE, BOB)
    room.open()
    return room


def silence_after_speech_ms(room: Room) -> float:
    sound = b"".join(piece.pcm for piece in room.told(AppendAudio))
    return pcm_ms(len(sound) - len(sound.rstrip(b"\0")))


def test_the_model_gets_sound_with_its_speaker_then_silence_and_nothing_else(room: Room) -> None:
    room.say(ALICE)
    assert {piece.speaker for piece in room.told(AppendAudio) if any(piece.pcm)} == {"Alice"}
    assert not room.told(CommitUtterance)
    assert not room.told(Respond)
    room.wait(2_000)
    assert silence_after_speech_ms(room) >= 800


def test_silence_is_sent_on_the_clock_and_ends(room: Room) -> None:
    room.say(ALICE)
    room.feed(ModelHearsSilence())
    room.wait(3_000)
    before = len(room.told(AppendAudio))
    assert 800 <= silence_after_speech_ms(room) <= 2_500
    room.wait(5_000)
    assert len(room.told(AppendAudio)) == before, "nothing is sent while nobody speaks"


def test_the_models_reply_is_adopted(room: Room) -> None:
    room.say(ALICE)
    room.feed(ModelHearsSilence())
    assert room.conversation.state == "thinking"
    room.feed(UtteranceTranscribed("i", "Hello.", "Alice"))
    room.reply("r1", "Hi Alice.", 500)
    room.play_out("r1", 500)
    assert [caption.text for caption in room.captions(CaptionKind.HEARD)] == ["Hi Alice."]
    assert [caption.speaker for caption in room.captions(CaptionKind.SAID)] == ["Alice"]
    assert room.conversation.state == "idle"


def test_the_model_may_notice_the_end_before_our_hangover_does(room: Room) -> None:
    room.speak(ALICE, ms=600)
    room.pause(ALICE)
    room.wait(160)
    room.feed(ModelHearsSilence())
    room.reply("r1", "Quick.", 500)
    assert room.played(), "a reply that the model began for a finished turn is no interruption of it"


def test_speech_that_the_model_hears_over_a_reply_is_a_barge_in(room: Room) -> None:
    room.say(ALICE)
    room.feed(ModelHearsSilence())
    room.reply("r1", "A long story.", 5_000)
    room.begin_playing("r1")
    room.wait(500)
    room.speak(BOB, ms=120)
    room.feed(ModelHearsSpeech())
    assert room.is_stopped()
    room.stop_playing("r1", 620, 5_000)
    assert room.told(Interrupt)
    assert room.conversation.state == "listening"


def test_noise_that_nobody_made_does_not_stop_a_reply(room: Room) -> None:
    room.say(ALICE)
    room.feed(ModelHearsSilence())
    room.reply("r1", "A long story.", 5_000)
    room.begin_playing("r1")
    room.feed(ModelHearsSpeech())
    assert not room.is_stopped()


def test_what_another_said_meanwhile_waits_until_the_reply_is_over(room: Room) -> None:
    room.speak(ALICE, ms=300)
    room.speak(ALICE, BOB, ms=600)
    room.pause(ALICE, BOB)
    room.wait(700)
    room.feed(ModelHearsSilence())
    room.reply("r1", "For Alice.", 1_000)
    room.begin_playing("r1")
    room.wait(1_500)
    assert {piece.speaker for piece in room.told(AppendAudio)} == {"Alice", None}
    room.feed_drained("r1", 1_000)
    room.wait(200)
    bobs = b"".join(piece.pcm for piece in room.told(AppendAudio) if piece.speaker == "Bob")
    assert values(bobs) == {VALUES[BOB]}
    assert not room.is_stopped()


def test_what_waited_goes_on_when_no_reply_comes(room: Room) -> None:
    room.speak(ALICE, ms=300)
    room.speak(ALICE, BOB, ms=600)
    room.pause(ALICE, BOB)
    room.wait(8_000)
    assert "Bob" in {piece.speaker for piece in room.told(AppendAudio)}


def test_typed_text_is_answered_on_request(room: Room) -> None:
    room.write(ALICE, "hello")
    assert room.told(AddText)[-1] == AddText("hello", "Alice")
    assert room.replies_asked() == 1


def test_a_switch_to_the_models_detection_in_mid_utterance_loses_nothing() -> None:
    room = Room()
    room.enter(ALICE)
    room.open()
    room.speak(ALICE, ms=400)
    room.feed(TurnModeChanged(TurnMode.SERVER_VAD))
    room.speak(ALICE, ms=400)
    room.pause(ALICE)
    room.wait(3_000)
    assert not room.told(CommitUtterance)
    assert not room.told(Respond)
    sound = b"".join(piece.pcm for piece in room.told(AppendAudio))
    assert pcm_ms(len(sound.rstrip(b"\0"))) == pytest.approx(800, abs=1)
    assert silence_after_speech_ms(room) >= 800


def test_a_commit_that_the_server_refused_gets_the_silence_that_ends_the_turn() -> None:
    room = Room()
    room.enter(ALICE)
    room.open()
    room.say(ALICE)
    assert room.told(CommitUtterance)
    room.log.clear()
    room.feed(TurnModeChanged(TurnMode.SERVER_VAD))
    room.wait(2_500)
    assert silence_after_speech_ms(room) >= 800
    room.feed(ModelHearsSilence())
    room.reply("r1", "Hi.", 400)
    assert room.played()


def test_a_switch_to_manual_in_mid_utterance_ends_with_a_commit(room: Room) -> None:
    room.speak(ALICE, ms=400)
    room.feed(TurnModeChanged(TurnMode.MANUAL))
    room.speak(ALICE, ms=400)
    room.pause(ALICE)
    room.wait(1_000)
    assert [commit.speaker for commit in room.told(CommitUtterance)] == ["Alice"]
    assert room.replies_asked() == 1


def test_a_switch_to_manual_while_the_silence_runs_commits_what_was_said(room: Room) -> None:
    room.speak(ALICE, ms=600)
    room.pause(ALICE)
    room.wait(600)
    room.feed(TurnModeChanged(TurnMode.MANUAL))
    assert [commit.speaker for commit in room.told(CommitUtterance)] == ["Alice"]
    assert room.replies_asked() == 1
    assert isinstance(room.all(ToModel)[-1].command, Respond)


def test_a_switch_to_manual_takes_back_what_was_told_and_tells_the_whole_utterance_again(room: Room) -> None:
    room.speak(ALICE, ms=400)
    room.log.clear()
    room.feed(TurnModeChanged(TurnMode.MANUAL))
    assert isinstance(room.all(ToModel)[0].command, DiscardAudio)
    room.speak(ALICE, ms=400)
    room.pause(ALICE)
    room.wait(1_000)
    ((speaker, pcm),) = room.utterances()
    assert speaker == "Alice"
    assert pcm_ms(len(pcm.rstrip(b"\0"))) == pytest.approx(800, abs=1)


def test_who_withdraws_before_the_model_made_it_a_turn_takes_it_back(room: Room) -> None:
    room.speak(ALICE, ms=600)
    room.pause(ALICE)
    room.wait(500)
    room.feed(ConsentWithdrawn(ALICE))
    assert room.told(DiscardAudio)
