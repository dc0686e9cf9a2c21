"""Utterances, the floor and replies, with the host deciding turns."""

from __future__ import annotations

import pytest
from room_script import ALICE, BOB, CAROL, VALUES, Room, values

from bot.audio.frame import FRAME_BYTES, pcm_bytes, pcm_ms
from bot.conversation.events import CaptionKind, FinishPlay, ToModel, TurnMeasured
from bot.realtime.events import AppendAudio, CommitUtterance, DiscardAudio, Respond, UtteranceTranscribed

pytestmark = pytest.mark.core


@pytest.fixture
def room() -> Room:
    room = Room()
    room.enter(ALICE, BOB)
    room.open()
    return room


def test_an_utterance_is_sent_live_committed_with_its_speaker_and_answered(room: Room) -> None:
    room.say(ALICE, 600)
    assert [commit.speaker for commit in room.told(CommitUtterance)] == ["Alice"]
    assert room.replies_asked() == 1
    order = [type(told.command) for told in room.all(ToModel)]
    assert order[-2:] == [CommitUtterance, Respond]
    ((_, pcm),) = room.utterances()
    assert values(pcm) == {VALUES[ALICE]}


def test_the_first_sound_of_an_utterance_reaches_the_model_before_its_end(room: Room) -> None:
    room.speak(ALICE, ms=200)
    assert room.told(AppendAudio)
    assert all(len(piece.pcm) <= FRAME_BYTES for piece in room.told(AppendAudio))


def test_the_pre_roll_belongs_to_the_utterance(room: Room) -> None:
    room.say(ALICE, 600)
    ((_, pcm),) = room.utterances()
    spoken = [pcm[at : at + 2] for at in range(0, len(pcm), 2)].count(VALUES[ALICE].to_bytes(2, "little"))
    assert spoken == pcm_bytes(600) // 2


def test_pauses_inside_an_utterance_are_as_long_as_they_were(room: Room) -> None:
    room.speak(ALICE, ms=400)
    room.pause(ALICE)
    room.wait(300)
    room.speak(ALICE, ms=400)
    room.pause(ALICE)
    room.wait(1_000)
    ((_, pcm),) = room.utterances()
    voiced = pcm.rstrip(b"\0")
    assert pcm_ms(len(voiced)) == pytest.approx(1_100, abs=25)


def test_a_pause_shorter_than_the_hangover_does_not_end_an_utterance(room: Room) -> None:
    room.speak(ALICE, ms=400)
    room.pause(ALICE)
    room.wait(340)
    assert not room.told(CommitUtterance)
    room.speak(ALICE, ms=400)
    room.pause(ALICE)
    room.wait(1_000)
    assert len(room.told(CommitUtterance)) == 1


def test_a_click_is_no_utterance_and_is_taken_back(room: Room) -> None:
    room.say(ALICE, 100)
    assert not room.told(CommitUtterance)
    assert room.told(DiscardAudio)
    assert not room.replies_asked()


def test_nothing_is_sent_while_nobody_speaks(room: Room) -> None:
    room.wait(5_000)
    assert room.log == []


def test_two_who_speak_at_once_are_told_apart_in_order_of_onset_and_get_one_reply(room: Room) -> None:
    room.speak(ALICE, ms=200)
    room.speak(ALICE, BOB, ms=400)
    room.pause(ALICE)
    room.speak(BOB, ms=600)
    room.pause(BOB)
    room.wait(1_000)
    assert [(speaker, values(pcm)) for speaker, pcm in room.utterances()] == [
        ("Alice", {VALUES[ALICE]}),
        ("Bob", {VALUES[BOB]}),
    ]
    assert room.replies_asked() == 1


def test_what_waited_is_complete(room: Room) -> None:
    room.speak(ALICE, ms=2_000)
    room.speak(ALICE, BOB, ms=1_000)
    room.pause(BOB)
    room.speak(ALICE, ms=3_000)
    room.pause(ALICE)
    room.wait(1_000)
    _, (speaker, pcm) = room.utterances()
    assert speaker == "Bob"
    assert pcm_ms(len(pcm.rstrip(b"\0"))) == pytest.approx(1_000, abs=1)


def test_an_utterance_of_more_than_30_seconds_is_committed_and_goes_on(room: Room) -> None:
    room.speak(ALICE, ms=31_000)
    assert len(room.told(CommitUtterance)) == 1
    room.pause(ALICE)
    room.wait(1_000)
    assert [speaker for speaker, _ in room.utterances()] == ["Alice", "Alice"]
    total = b"".join(pcm for _, pcm in room.utterances())
    spoken = [total[at : at + 2] for at in range(0, len(total), 2)].count(VALUES[ALICE].to_bytes(2, "little"))
    assert spoken == pcm_bytes(31_000) // 2


def test_a_full_waiting_member_gets_the_floor_and_nothing_is_lost(room: Room) -> None:
    room.enter(CAROL)
    room.log.clear()
    room.speak(ALICE, BOB, CAROL, ms=70_000)
    room.pause(ALICE, BOB, CAROL)
    room.wait(2_000)
    for user_id, name in ((ALICE, "Alice"), (BOB, "Bob"), (CAROL, "Carol")):
        sound = b"".join(pcm for speaker, pcm in room.utterances() if speaker == name)
        assert values(sound) == {VALUES[user_id]}
        assert sound.count(VALUES[user_id].to_bytes(2, "little")) == pcm_bytes(70_000) // 2
    assert room.conversation.dropped_ms == 0


def test_who_has_not_agreed_is_not_heard_even_if_a_frame_comes_so_far(room: Room) -> None:
    room.enter(CAROL, may_hear=False)
    room.log.clear()
    room.say(CAROL)
    assert room.log == []
    assert room.conversation.frames_refused == 30


def test_a_reply_is_played_finished_and_captioned_when_it_was_heard(room: Room) -> None:
    room.say(ALICE)
    room.log.clear()
    room.reply("r1", "It is noon.", 800)
    assert pcm_ms(len(room.played())) == 800
    assert room.all(FinishPlay)
    assert not room.captions(CaptionKind.HEARD)
    room.play_out("r1", 800)
    (caption,) = room.captions(CaptionKind.HEARD)
    assert (caption.speaker, caption.text, caption.is_cut) == ("Kith", "It is noon.", False)
    assert room.conversation.state == "idle"


def test_the_words_of_an_utterance_are_captioned_with_its_speaker_and_times(room: Room) -> None:
    room.speak(ALICE, ms=200)
    room.speak(ALICE, BOB, ms=400)
    room.pause(ALICE, BOB)
    room.wait(1_000)
    room.feed(UtteranceTranscribed("i1", "What time is it?", "Alice"))
    room.feed(UtteranceTranscribed("i2", "And where are we?", "Bob"))
    alice, bob = room.captions(CaptionKind.SAID)
    assert (alice.user_id, alice.text) == (ALICE, "What time is it?")
    assert (bob.user_id, bob.text) == (BOB, "And where are we?")
    assert alice.started_at < bob.started_at < alice.ended_at


def test_a_turn_is_measured_from_the_end_of_speech_to_the_first_datagram(room: Room) -> None:
    room.speak(ALICE, ms=600)
    room.pause(ALICE)
    room.wait(500)
    room.reply("r1", "Noon.", 400)
    room.wait(40)
    room.begin_playing("r1")
    (turn,) = room.all(TurnMeasured)
    assert turn.speaker == "Alice"
    assert turn.endpoint_ms == pytest.approx(400, abs=21)
    assert turn.model_ms == pytest.approx(100, abs=21)
    assert turn.playout_ms == pytest.approx(40, abs=1)
