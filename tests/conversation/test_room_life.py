"""People coming and going, agreement, personas, a model that fails, and goodbyes."""

from __future__ import annotations

import pytest
from room_script import ALICE, BOB, CAROL, VALUES, Room, values

from bot.conversation.events import (
    CaptionKind,
    ConsentWithdrawn,
    FinishPlay,
    Goodbye,
    Leave,
    Member,
    MemberGone,
    MemberPresent,
    PersonaChosen,
    SetGain,
    StopPlayout,
    TellRoom,
    ToModel,
)
from bot.errors import ModelFault, VoiceFault
from bot.realtime.events import (
    AddText,
    AppendAudio,
    CommitUtterance,
    DiscardAudio,
    Interrupt,
    ModelFailed,
    ModelLost,
    ModelReady,
    Reconfigure,
    ReplyDone,
    Respond,
    TurnMode,
    UtteranceTranscribed,
)
from bot.texts import Texts
from bot.voice.events import (
    EncryptionMissing,
    MemberUnheard,
    StageSilent,
    UnexpectedParticipant,
    VoiceClosed,
    VoiceEvent,
    VoiceInterrupted,
    VoiceReady,
)

pytestmark = pytest.mark.core

LOST = ModelLost(ModelFault.CLOSED, 0.5)


@pytest.fixture
def room() -> Room:
    room = Room()
    room.enter(ALICE, BOB)
    room.open()
    return room


# ---------------------------------------------------------------------------- greeting


def test_the_room_is_greeted_once_when_the_model_is_there_and_someone_agreed() -> None:
    room = Room()
    room.enter(CAROL, may_hear=False)
    room.feed(ModelReady("s", TurnMode.MANUAL))
    assert room.replies_asked() == 0
    room.enter(ALICE)
    assert room.texts()[0].startswith("Greet the room")
    assert '"Alice"' in room.texts()[0]
    assert "Carol" not in room.texts()[0]
    assert room.replies_asked() == 1
    room.reply("r1", "Hello.", 400)
    room.play_out("r1", 400)
    room.enter(BOB)
    assert room.replies_asked() == 1
    assert "Bob" in room.texts()[-1], "the model learns who joined the talk"


def test_no_model_is_wanted_before_someone_agreed() -> None:
    room = Room()
    assert not room.conversation.wants_model
    room.enter(CAROL, may_hear=False)
    assert not room.conversation.wants_model
    room.enter(CAROL)
    assert room.conversation.wants_model


# ---------------------------------------------------------------------------- agreement


def test_withdrawing_in_mid_utterance_drops_what_was_said_at_once(room: Room) -> None:
    room.speak(ALICE, ms=600)
    room.feed(ConsentWithdrawn(ALICE))
    assert isinstance(
        [told.command for told in room.all(ToModel) if not isinstance(told.command, AddText)][-1], DiscardAudio
    )
    room.log.clear()
    room.speak(ALICE, ms=600)
    room.wait(2_000)
    assert room.log == []


def test_withdrawing_drops_what_waits_and_lets_the_others_go_on(room: Room) -> None:
    room.speak(ALICE, ms=200)
    room.speak(ALICE, BOB, ms=400)
    room.feed(ConsentWithdrawn(BOB))
    room.speak(ALICE, ms=200)
    room.pause(ALICE)
    room.wait(1_000)
    assert [(speaker, values(pcm)) for speaker, pcm in room.utterances()] == [("Alice", {VALUES[ALICE]})]


def test_the_next_in_the_queue_is_heard_when_the_holder_withdraws(room: Room) -> None:
    room.speak(ALICE, ms=200)
    room.speak(ALICE, BOB, ms=400)
    room.feed(ConsentWithdrawn(ALICE))
    room.speak(BOB, ms=200)
    room.pause(BOB)
    room.wait(1_000)
    assert [(speaker, values(pcm)) for speaker, pcm in room.utterances()] == [("Bob", {VALUES[BOB]})]


def test_no_reply_is_owed_for_what_was_dropped(room: Room) -> None:
    room.speak(ALICE, ms=200)
    room.speak(ALICE, BOB, ms=300)
    room.pause(BOB)
    room.speak(ALICE, ms=600)
    room.feed(ConsentWithdrawn(BOB))
    room.feed(ConsentWithdrawn(ALICE))
    room.enter(CAROL)
    room.wait(1_000)
    assert room.replies_asked() == 0


def test_words_of_a_member_who_withdrew_are_not_captioned(room: Room) -> None:
    room.say(ALICE)
    room.feed(ConsentWithdrawn(ALICE))
    room.feed(UtteranceTranscribed("i", "my secret", "Alice"))
    assert not room.captions(CaptionKind.SAID)


def test_a_reply_that_was_ducked_for_a_member_who_withdrew_sounds_again(room: Room) -> None:
    room.say(ALICE)
    room.reply("r1", "Well.", 3_000)
    room.begin_playing("r1")
    room.speak(BOB, ms=100)
    room.feed(ConsentWithdrawn(BOB))
    assert [gain.gain for gain in room.all(SetGain)] == [0.2, 1.0]


def test_agreement_taken_back_by_presence_counts_as_withdrawal(room: Room) -> None:
    room.speak(ALICE, ms=600)
    room.feed(MemberPresent(Member(ALICE, "Alice", False)))
    assert room.told(DiscardAudio)


def test_the_last_who_agreed_taking_it_back_closes_the_model_and_silences_the_reply(room: Room) -> None:
    room.feed(MemberGone(BOB))
    room.say(ALICE)
    room.reply("r1", "A long story.", 5_000)
    room.begin_playing("r1")
    room.feed(ConsentWithdrawn(ALICE))
    assert not room.conversation.wants_model
    assert room.is_stopped()
    room.stop_playing("r1", 100, 5_000)
    assert room.conversation.state == "idle"


# ---------------------------------------------------------------------------- coming and going


def test_a_member_who_leaves_in_mid_utterance_has_said_what_they_said(room: Room) -> None:
    room.speak(ALICE, ms=600)
    room.feed(MemberGone(ALICE))
    assert [commit.speaker for commit in room.told(CommitUtterance)] == ["Alice"]
    assert room.replies_asked() == 1


def test_two_members_of_one_name_are_committed_under_two_names() -> None:
    room = Room()
    room.enter(ALICE)
    room.feed(MemberPresent(Member(BOB, "alice", True)))
    room.open()
    room.say(BOB)
    assert [commit.speaker for commit in room.told(CommitUtterance)] == ["alice (2)"]


def test_alone_for_the_settable_time_it_leaves() -> None:
    room = Room(alone_s=3.0)
    room.enter(CAROL, may_hear=False)
    room.wait(5_000)
    room.feed(MemberGone(CAROL))
    room.wait(2_900)
    assert not room.all(Leave)
    room.wait(200)
    assert room.all(Leave) == [Leave("alone")]


def test_someone_coming_back_in_time_keeps_it_there() -> None:
    room = Room(alone_s=3.0)
    room.wait(2_000)
    room.enter(CAROL, may_hear=False)
    room.wait(5_000)
    assert not room.all(Leave)


def test_a_voice_connection_that_is_mending_ends_utterances_but_not_the_call(room: Room) -> None:
    room.speak(ALICE, ms=600)
    room.feed(VoiceInterrupted(4015))
    assert room.told(CommitUtterance)
    room.feed(VoiceReady(7, True))
    assert not room.all(Leave)


def test_after_a_move_the_new_room_gets_a_fresh_session_that_knows_nothing_of_the_old_one(room: Room) -> None:
    room.feed(VoiceReady(7, True))
    room.say(ALICE)
    room.feed(UtteranceTranscribed("i", "Keep this between us.", "Alice"))
    room.feed(VoiceReady(8, True))
    wanted = [room.conversation.wants_model]
    room.wait(100)
    assert [*wanted, room.conversation.wants_model] == [False, True], "the session with its memory is closed"
    room.log.clear()
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    assert room.texts()[0].startswith("Greet the room")
    assert not any("between us" in text for text in room.texts())


def test_a_recovered_connection_in_the_same_channel_is_no_move(room: Room) -> None:
    room.feed(VoiceReady(7, True))
    room.feed(VoiceInterrupted(1006))
    room.feed(VoiceReady(7, True))
    assert room.conversation.wants_model


def test_the_room_is_told_of_someone_whom_discord_did_not_announce(room: Room) -> None:
    room.feed(UnexpectedParticipant(99))
    assert room.all(TellRoom) == [TellRoom("error-voice-unexpected-participant")]


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (MemberUnheard(BOB), TellRoom("room-member-unheard", (("name", "Bob"),))),
        (EncryptionMissing(), TellRoom("room-encryption-missing")),
        (StageSilent(has_asked=True), TellRoom("room-stage-asked")),
        (StageSilent(has_asked=False), TellRoom("room-stage-silent")),
    ],
)
def test_the_room_is_told_why_somebody_is_not_heard(room: Room, event: VoiceEvent, sentence: TellRoom) -> None:
    room.feed(event)
    assert room.all(TellRoom) == [sentence]
    assert Texts().say("zh-CN", sentence.key, **dict(sentence.values)) != Texts().say(
        "en", sentence.key, **dict(sentence.values)
    )
    assert not room.all(Leave)


def test_a_kick_ends_the_call(room: Room) -> None:
    room.feed(VoiceClosed(VoiceFault.KICKED))
    assert room.all(TellRoom) == [TellRoom("error-voice-kicked")]
    assert room.all(Leave) == [Leave("voice-kicked")]


# ---------------------------------------------------------------------------- typed


def test_typed_text_joins_the_talk_with_its_writer_and_is_answered(room: Room) -> None:
    room.write(ALICE, "  what is\nthe time \x00?  ")
    assert room.told(AddText) == [AddText("what is the time ?", "Alice")]
    assert room.replies_asked() == 1
    assert [caption.text for caption in room.captions(CaptionKind.TYPED)] == ["what is the time ?"]


def test_typed_text_waits_until_nobody_speaks_and_nothing_sounds(room: Room) -> None:
    room.speak(BOB, ms=400)
    room.write(ALICE, "me too")
    assert room.replies_asked() == 0
    room.pause(BOB)
    room.wait(1_000)
    assert room.replies_asked() == 1


def test_a_writer_from_outside_cannot_borrow_a_name(room: Room) -> None:
    room.write(77, "let me in", name="Alice")
    assert room.told(AddText)[0].speaker == "Alice (2)"


# ---------------------------------------------------------------------------- persona


CHOSEN = PersonaChosen("quill", "Quill", "Be Quill.", "wenrou", "Ask something.")


def test_another_persona_takes_over_and_greets(room: Room) -> None:
    room.feed(CHOSEN)
    (reconfigured,) = room.told(Reconfigure)
    assert (reconfigured.config.instructions, reconfigured.config.voice) == ("Be Quill.", "wenrou")
    assert "Quill" in room.texts()[-1]
    assert room.replies_asked() == 1
    room.reply("r1", "Quill here.", 400)
    room.play_out("r1", 400)
    assert room.captions(CaptionKind.HEARD)[0].speaker == "Quill"


def test_a_persona_chosen_in_mid_reply_stops_it_first(room: Room) -> None:
    room.say(ALICE)
    room.reply("r1", "A long story of many words.", 5_000)
    room.begin_playing("r1")
    room.log.clear()
    room.feed(CHOSEN)
    assert room.is_stopped()
    assert not room.told(Reconfigure)
    room.stop_playing("r1", 1_000, 5_000)
    kinds = [type(told.command) for told in room.all(ToModel)]
    assert kinds == [Interrupt, Reconfigure, AddText, Respond]


def test_a_persona_chosen_in_mid_utterance_hears_the_whole_of_it(room: Room) -> None:
    room.speak(ALICE, ms=600)
    room.feed(CHOSEN)
    room.speak(ALICE, ms=400)
    room.pause(ALICE)
    room.wait(1_000)
    after = [told.command for told in room.all(ToModel)]
    after = after[next(at for at, command in enumerate(after) if isinstance(command, Reconfigure)) :]
    sound = b"".join(command.pcm for command in after if isinstance(command, AppendAudio))
    assert sound.count(VALUES[ALICE].to_bytes(2, "little")) == 24_000
    assert room.replies_asked() == 1


def test_the_new_session_of_another_persona_is_told_the_talk(room: Room) -> None:
    room.say(ALICE)
    room.feed(UtteranceTranscribed("i", "My cat is called Tofu.", "Alice"))
    room.reply("r1", "Lovely.", 400)
    room.play_out("r1", 400)
    room.feed(CHOSEN)
    room.log.clear()
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    assert any("Tofu" in text and "[Alice]" in text for text in room.texts())


def test_a_persona_chosen_during_an_outage_greets_when_the_model_is_back(room: Room) -> None:
    room.feed(LOST)
    room.feed(CHOSEN)
    assert room.told(Reconfigure), "the next session opens with it"
    room.log.clear()
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    assert any("Quill" in text for text in room.texts())


def test_a_persona_that_waited_for_the_end_of_a_reply_survives_the_loss_of_the_model(room: Room) -> None:
    room.say(ALICE)
    room.reply("r1", "A long story of many words.", 5_000)
    room.begin_playing("r1")
    room.feed(CHOSEN)
    room.feed(LOST)
    assert [told.config.instructions for told in room.told(Reconfigure)] == ["Be Quill."]


# ---------------------------------------------------------------------------- a model that fails


def test_a_model_lost_in_mid_reply_lets_what_came_be_heard_and_tells_the_room_once(room: Room) -> None:
    room.say(ALICE)
    room.reply("r1", "A story that is not at its end", 2_000, is_done=False)
    room.begin_playing("r1")
    room.log.clear()
    room.feed(ReplyDone("r1", "failed", {}, "connection lost"))
    room.feed(LOST)
    room.feed(ModelLost(ModelFault.UNREACHABLE, 1.0))
    assert room.all(FinishPlay) == [FinishPlay("r1")]
    assert not room.all(StopPlayout)
    assert room.all(TellRoom) == [TellRoom("error-model-closed")]
    room.feed_drained("r1", 2_000)
    (caption,) = room.captions(CaptionKind.HEARD)
    assert caption.is_cut
    assert room.conversation.state == "idle"


def test_speech_during_an_outage_is_told_to_the_next_session_whole(room: Room) -> None:
    room.speak(ALICE, ms=400)
    room.feed(LOST)
    room.log.clear()
    room.speak(ALICE, ms=600)
    room.pause(ALICE)
    room.wait(1_000)
    assert not room.all(ToModel)
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    room.wait(200)
    ((speaker, pcm),) = room.utterances()
    assert speaker == "Alice"
    assert pcm.count(VALUES[ALICE].to_bytes(2, "little")) == 24_000
    assert room.replies_asked() == 1


def test_what_waited_too_long_for_a_model_is_not_answered_any_more(room: Room) -> None:
    room.feed(LOST)
    room.say(ALICE)
    room.wait(40_000)
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    assert not room.told(AppendAudio)
    assert room.conversation.dropped_ms > 0


def test_a_question_whose_answer_was_lost_is_answered_by_the_next_session(room: Room) -> None:
    room.say(ALICE)
    room.feed(UtteranceTranscribed("i", "What time is it?", "Alice"))
    room.feed(ReplyDone("r1", "failed", {}, "connection lost"))
    room.feed(LOST)
    room.log.clear()
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    assert any("What time is it?" in text for text in room.texts())
    assert room.replies_asked() == 1


def test_a_new_session_is_told_again_who_is_here(room: Room) -> None:
    room.feed(LOST)
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    assert room.texts()[-1] == 'In the talk now: "Alice", "Bob".'


def test_a_new_session_is_not_told_what_a_member_said_who_withdrew(room: Room) -> None:
    room.say(ALICE)
    room.feed(UtteranceTranscribed("i", "my secret", "Alice"))
    room.feed(ConsentWithdrawn(ALICE))
    room.feed(LOST)
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    assert not any("secret" in text for text in room.texts())


def test_the_model_is_not_told_the_first_talk_when_there_was_none() -> None:
    room = Room()
    room.enter(ALICE)
    room.feed(LOST)
    room.feed(ModelReady("s", TurnMode.MANUAL))
    assert len(room.texts()) == 1


def test_a_model_that_cannot_work_is_said_plainly_and_ends_the_call(room: Room) -> None:
    room.feed(ModelFailed(ModelFault.KEY_REFUSED))
    assert room.all(TellRoom) == [TellRoom("error-model-key-refused")]
    assert room.all(Leave) == [Leave("model-failed")]
    assert not room.conversation.wants_model


def test_a_reply_that_failed_does_not_block_the_next_turn(room: Room) -> None:
    room.say(ALICE)
    room.feed(ReplyDone("r1", "failed"))
    assert room.conversation.state == "idle"
    room.say(ALICE)
    assert room.replies_asked() == 2


# ---------------------------------------------------------------------------- goodbye


def test_goodbye_is_spoken_and_then_it_leaves(room: Room) -> None:
    room.feed(Goodbye("asked"))
    assert room.texts()[-1].startswith("Say goodbye")
    room.reply("r1", "Bye, all.", 600)
    room.begin_playing("r1")
    room.wait(600)
    assert not room.all(Leave)
    room.feed_drained("r1", 600)
    assert room.all(Leave) == [Leave("asked")]


def test_a_goodbye_that_does_not_come_is_not_waited_for(room: Room) -> None:
    room.feed(Goodbye("asked"))
    room.wait(5_900)
    assert not room.all(Leave)
    room.wait(200)
    assert room.all(Leave) == [Leave("asked")]


def test_a_goodbye_is_not_waited_for_when_nobody_is_left_to_hear_it(room: Room) -> None:
    room.feed(Goodbye("asked"))
    for user_id in (ALICE, BOB):
        assert not room.all(Leave)
        room.feed(MemberGone(user_id))
    assert room.all(Leave) == [Leave("asked")]


def test_an_endless_goodbye_is_cut(room: Room) -> None:
    room.feed(Goodbye("asked"))
    room.reply("r1", "Bye " * 50, 60_000)
    room.begin_playing("r1")
    room.wait(6_100)
    assert room.all(Leave) == [Leave("asked")]


def test_goodbye_in_mid_reply_stops_it_first(room: Room) -> None:
    room.say(ALICE)
    room.reply("r1", "A long story.", 5_000)
    room.begin_playing("r1")
    room.feed(Goodbye("asked"))
    assert room.is_stopped()
    room.stop_playing("r1", 100, 5_000)
    assert room.texts()[-1].startswith("Say goodbye")


def test_goodbye_is_said_even_while_someone_speaks(room: Room) -> None:
    room.speak(ALICE, ms=400)
    room.feed(Goodbye("asked"))
    assert room.texts()[-1].startswith("Say goodbye")
    assert room.replies_asked() == 1


def test_without_a_model_it_leaves_at_once() -> None:
    room = Room()
    room.enter(CAROL, may_hear=False)
    room.feed(Goodbye("asked"))
    assert room.all(Leave) == [Leave("asked")]


def test_nothing_is_done_any_more_after_leaving(room: Room) -> None:
    room.feed(VoiceClosed(VoiceFault.CLOSED))
    assert room.all(Leave) == [Leave("voice-closed")]
    room.log.clear()
    room.say(ALICE)
    assert room.log == []
