"""A session's decisions, as scripts of what happens and tables of what follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from session_room import FRAME, STEPFUN_LIKE, Room, vad

from bot.errors import ModelFault
from bot.realtime.dialect import Capabilities
from bot.realtime.events import (
    AddText,
    AnswerTool,
    Append,
    AppendAudio,
    Attribution,
    AudioDelta,
    CancelResponse,
    Clear,
    ClientEvent,
    Commit,
    Committed,
    CommitUtterance,
    Configure,
    CreateItem,
    CreateResponse,
    CreateToolOutput,
    DeleteItem,
    DiscardAudio,
    ErrorKind,
    FunctionCalled,
    HeardItem,
    InputTranscript,
    Interrupt,
    Item,
    ItemCreated,
    Malformed,
    ModelHearsSilence,
    ModelHearsSpeech,
    ModelReady,
    ProviderError,
    Reconfigure,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyWords,
    Respond,
    ResponseCreated,
    ResponseDone,
    SessionConfig,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    ToolCalled,
    ToolSpec,
    TranscriptDelta,
    TranscriptDone,
    TruncateItem,
    TurnMode,
    TurnModeChanged,
    Unheard,
    UtteranceTranscribed,
)
from bot.realtime.session import SessionOptions

pytestmark = pytest.mark.core


def error(kind: ErrorKind, fault: ModelFault | None = None) -> ProviderError:
    return ProviderError(kind, "as the vendor words it", "", fault)


def replying(room: Room, response_id: str = "r1", item_id: str = "i1", pieces: int = 3) -> None:
    """The room said something, and the model is in the middle of its answer."""
    room.say()
    room.hear(
        ResponseCreated(response_id),
        ItemCreated(item_id, "message", "assistant"),
        *[AudioDelta(response_id, item_id, FRAME)] * pieces,
    )


def heard(item_id: str = "i1", heard_ms: float = 30, total_ms: float = 6000, text: str = "Well") -> Interrupt:
    return Interrupt((HeardItem(item_id, heard_ms, total_ms, text),))


# ---------------------------------------------------------------------------- the opening


def test_nothing_is_said_before_the_server_has_spoken() -> None:
    room = Room(is_open=False)
    room.say()
    assert room.all_sent == []


def test_the_opening_is_created_update_updated_ready() -> None:
    room = Room(is_open=False)
    room.hear(SessionCreated("s1"))
    assert room.sent == [Configure(SessionConfig("Be kind."))]
    room.hear(SessionUpdated())
    assert room.told == [ModelReady("s1", TurnMode.MANUAL)]


def test_an_update_that_is_labelled_created_counts_as_an_update() -> None:
    room = Room(is_open=False)
    room.hear(SessionCreated("s1"), SessionCreated("s1"))
    assert room.told == [ModelReady("s1", TurnMode.MANUAL)]


def test_what_was_said_before_is_kept_in_order() -> None:
    room = Room(is_open=False)
    room.say()
    room.open()
    assert room.names == "Configure Clear Append CreateItem Commit CreateResponse"


def test_kept_sound_is_bounded_to_its_last_thirty_seconds() -> None:
    room = Room(is_open=False)
    room.do(*[AppendAudio(FRAME)] * 1600, CommitUtterance("Alice"))
    room.open()
    assert sum(isinstance(event, Append) for event in room.sent) == 1500
    assert room.session.counts()["dropped_audio"] == 100
    assert isinstance(room.sent[-1], Commit)


def test_too_many_kept_commands_end_the_connection() -> None:
    room = Room(is_open=False)
    room.do(*[AddText("again", "Alice")] * 300)
    assert room.faults == [ModelFault.OVERLOADED]


def test_a_discard_takes_back_kept_sound_but_no_earlier_utterance() -> None:
    room = Room(is_open=False)
    room.do(AppendAudio(FRAME * 9), CommitUtterance("Alice"), AppendAudio(FRAME * 5), DiscardAudio())
    room.open()
    assert [len(event.pcm) for event in room.sent if isinstance(event, Append)] == [len(FRAME) * 9]


def test_a_member_who_may_not_be_heard_any_more_is_dropped_from_what_was_kept() -> None:
    room = Room(is_open=False)
    alice, bob = b"\x01\x00" * 2400, b"\x02\x00" * 2400
    room.do(AppendAudio(alice), CommitUtterance("Alice"), AppendAudio(bob), CommitUtterance("Bob"), AppendAudio(alice))
    room.do(DiscardAudio("Alice"), Respond())
    room.open()
    assert [event.pcm for event in room.sent if isinstance(event, Append)] == [bob]
    assert room.names == "Configure Clear Append CreateItem Commit CreateResponse"


def test_when_nothing_is_left_of_what_was_kept_nothing_is_asked() -> None:
    room = Room(is_open=False)
    room.say("Alice")
    room.do(AppendAudio(FRAME, "Alice"), DiscardAudio("Alice"))
    room.open()
    assert room.names == "Configure"


def test_an_interruption_before_the_session_is_open_takes_back_the_question() -> None:
    room = Room(is_open=False)
    room.do(AddText("hello", "Alice"), Respond(), Interrupt())
    room.open()
    assert room.names == "Configure CreateItem"


def test_a_server_that_never_confirms_is_given_up() -> None:
    room = Room(is_open=False)
    room.hear(SessionCreated("s1"))
    room.wait(14)
    assert room.faults == []
    room.wait(2)
    assert ModelFault.UNREACHABLE in room.faults


@pytest.mark.parametrize(
    ("kind", "told", "fault"),
    [
        (ErrorKind.FATAL, ModelFault.NO_BALANCE, ModelFault.NO_BALANCE),
        (ErrorKind.FATAL, None, ModelFault.BAD_REQUEST),
        (ErrorKind.RATE_LIMITED, None, ModelFault.RATE_LIMITED),
        (ErrorKind.TRANSIENT, None, ModelFault.OVERLOADED),
        (ErrorKind.UNSUPPORTED, None, ModelFault.BAD_REQUEST),
    ],
)
def test_an_error_in_the_opening_ends_the_connection(
    kind: ErrorKind, told: ModelFault | None, fault: ModelFault
) -> None:
    room = Room(is_open=False)
    room.hear(SessionCreated("s1"), error(kind, told))
    assert room.faults == [fault]


def test_a_refused_configuration_is_tried_again_without_tools() -> None:
    room = Room(config=SessionConfig("", tools=(ToolSpec("t", "d", {}),)), is_open=False)
    room.hear(SessionCreated("s1"), error(ErrorKind.UNSUPPORTED))
    assert room.sent[-1] == Configure(SessionConfig(""))
    room.hear(SessionUpdated())
    assert room.told == [ModelReady("s1", TurnMode.MANUAL)]


def test_a_server_that_knows_no_text_alone_is_asked_for_sound_as_well() -> None:
    room = Room(config=SessionConfig("", is_text_only=True), is_open=False)
    room.hear(SessionCreated("s1"))
    assert room.sent == [Configure(SessionConfig("", is_text_only=True))]
    room.hear(error(ErrorKind.UNSUPPORTED))
    assert room.sent == [Configure(SessionConfig(""))]
    room.hear(SessionUpdated())
    assert room.told == [ModelReady("s1", TurnMode.MANUAL)]


def test_a_provider_without_text_alone_is_not_even_asked() -> None:
    room = Room(Capabilities(text_output=False), SessionConfig("", is_text_only=True), is_open=False)
    room.hear(SessionCreated("s1"))
    assert room.sent == [Configure(SessionConfig(""))]


@pytest.mark.parametrize("is_text_only", [True, False])
def test_written_words_count_only_where_writing_was_asked_for(is_text_only: bool) -> None:
    room = Room(config=SessionConfig("", is_text_only=is_text_only))
    room.do(AddText("Sum it up."), Respond())
    room.hear(
        ResponseCreated("r1"), TranscriptDelta("r1", "i1", "So", True), TranscriptDone("r1", "i1", "So be it.", True)
    )
    words = [event.text for event in room.told if isinstance(event, ReplyWords)]
    assert words == (["So", " be it."] if is_text_only else [])


def test_a_refused_voice_falls_back_to_the_default_once() -> None:
    room = Room(config=SessionConfig("", voice="nobody"), is_open=False)
    room.hear(SessionCreated("s1"), error(ErrorKind.VOICE_REFUSED))
    assert room.sent[-1] == Configure(SessionConfig("", voice=None))
    room.hear(error(ErrorKind.VOICE_REFUSED))
    assert room.faults == [ModelFault.BAD_REQUEST]


# ---------------------------------------------------------------------------- manual turns


def test_a_manual_turn_is_clear_append_item_commit_create() -> None:
    room = Room()
    room.say("Alice")
    assert room.names == "Clear Append CreateItem Commit CreateResponse"
    assert room.sent[-3] == CreateItem(Item("user", "[Alice] speaks:"))


def test_every_utterance_names_its_speaker_and_clears_what_was_before() -> None:
    room = Room()
    for speaker in ("Alice", "Bob"):
        room.do(*[AppendAudio(FRAME)] * 6, CommitUtterance(speaker))
        assert room.names == "Clear Append CreateItem Commit"
        assert room.sent[-2] == CreateItem(Item("user", f"[{speaker}] speaks:"))


def test_nothing_is_committed_when_nothing_was_appended() -> None:
    room = Room()
    room.do(CommitUtterance("Alice"))
    assert room.sent == []


def test_an_empty_utterance_gets_no_response_and_says_so() -> None:
    room = Room()
    room.do(CommitUtterance("Alice"), Respond())
    assert room.sent == []
    assert room.told == [ReplyDone("", "cancelled", {}, "nothing was said")]


def test_an_empty_utterance_does_not_swallow_the_response_to_an_earlier_one() -> None:
    room = Room()
    room.do(*[AppendAudio(FRAME)] * 6, CommitUtterance("Alice"), CommitUtterance("Bob"), Respond())
    assert room.sent[-1] == CreateResponse()


def test_a_commit_of_less_than_100_ms_is_filled_up_with_silence() -> None:
    room = Room()
    room.do(AppendAudio(FRAME), CommitUtterance("Alice"))
    appended = [event.pcm for event in room.sent if isinstance(event, Append)]
    assert appended == [FRAME, bytes(4800 - len(FRAME))]


def test_discarded_sound_is_not_part_of_the_next_utterance() -> None:
    room = Room()
    room.do(AppendAudio(FRAME), DiscardAudio())
    assert room.names == "Clear Append Clear"
    room.do(*[AppendAudio(FRAME)] * 5, CommitUtterance("Bob"))
    assert room.names == "Append CreateItem Commit"


def test_attribution_by_instructions_tells_only_a_new_speaker() -> None:
    room = Room(options=SessionOptions(attribution=Attribution.INSTRUCTIONS))
    room.say("Alice")
    assert room.names == "Clear Append Configure Commit CreateResponse"
    configured = [event.config.instructions for event in room.sent if isinstance(event, Configure)]
    assert configured[0].startswith("Be kind.")
    assert configured[0].endswith("Alice")
    room.hear(ResponseCreated("r1"), ResponseDone("r1", "completed"))
    room.say("Alice")
    assert "Configure" not in room.names


def test_typed_text_names_its_writer_and_a_note_is_the_systems() -> None:
    room = Room()
    room.do(AddText("hi", "Bob"), AddText("Greet the room."), Respond())
    assert room.sent == [
        CreateItem(Item("user", "[Bob] types: hi")),
        CreateItem(Item("system", "Greet the room.")),
        CreateResponse(),
    ]


def test_transcripts_belong_to_speakers_in_the_order_of_commits() -> None:
    room = Room()
    room.do(*[AppendAudio(FRAME)] * 6, CommitUtterance("Alice"))
    room.do(*[AppendAudio(FRAME)] * 6, CommitUtterance("Bob"))
    room.hear(Committed("u1"), Committed("u2"))
    room.hear(InputTranscript("u2", "from bob", True), InputTranscript("u1", "from", False))
    assert room.told == [UtteranceTranscribed("u2", "from bob", "Bob")]
    room.hear(InputTranscript("u1", "from alice", True), InputTranscript("u1", "from alice", True))
    assert room.told == [UtteranceTranscribed("u1", "from alice", "Alice")]


def test_a_commit_the_server_found_empty_does_not_shift_the_speakers() -> None:
    room = Room()
    for speaker in ("Alice", "Bob"):
        room.do(*[AppendAudio(FRAME)] * 6, CommitUtterance(speaker))
    room.hear(error(ErrorKind.NOTHING_TO_COMMIT), Committed("u2"), InputTranscript("u2", "hi", True))
    assert room.told == [UtteranceTranscribed("u2", "hi", "Bob")]


# ---------------------------------------------------------------------------- replies


def test_a_reply_is_started_sounds_and_is_done() -> None:
    room = Room()
    room.say()
    room.hear(
        ResponseCreated("r1"),
        TranscriptDelta("r1", "i1", "Well, "),
        AudioDelta("r1", "i1", FRAME),
        TranscriptDelta("r1", "i1", "yes."),
        TranscriptDone("r1", "i1", "Well, yes."),
        ResponseDone("r1", "completed", {"total_tokens": 3}),
    )
    assert room.told == [
        ReplyStarted("r1"),
        ReplyWords("r1", "i1", "Well, "),
        ReplyAudio("r1", "i1", FRAME),
        ReplyWords("r1", "i1", "yes."),
        ReplyDone("r1", "completed", {"total_tokens": 3}),
    ]


def test_words_that_no_delta_brought_come_with_the_end() -> None:
    room = Room()
    room.say()
    room.hear(ResponseCreated("r1"), TranscriptDelta("r1", "i1", "Well"), TranscriptDone("r1", "i1", "Well, yes."))
    assert room.told[-1] == ReplyWords("r1", "i1", ", yes.")


def test_missing_ids_mean_the_response_in_flight() -> None:
    room = Room()
    room.say()
    room.hear(ResponseCreated("r1"), AudioDelta("", "", FRAME), ResponseDone("", "completed"))
    assert room.told == [ReplyStarted("r1"), ReplyAudio("r1", "r1.audio", FRAME), ReplyDone("r1", "completed")]


def test_sound_that_overtakes_its_beginning_begins_the_reply() -> None:
    room = Room()
    room.say()
    room.hear(AudioDelta("r1", "i1", FRAME), ResponseCreated("r1"))
    assert room.told == [ReplyStarted("r1"), ReplyAudio("r1", "i1", FRAME)]


def test_half_a_sample_waits_for_its_other_half() -> None:
    room = Room()
    room.say()
    room.hear(ResponseCreated("r1"), AudioDelta("r1", "i1", b"\x01\x02\x03"), AudioDelta("r1", "i1", b"\x04"))
    assert [event.pcm for event in room.told if isinstance(event, ReplyAudio)] == [b"\x01\x02", b"\x03\x04"]


def test_several_wishes_during_a_reply_are_one_response_afterwards() -> None:
    room = Room()
    replying(room)
    room.say("Bob")
    assert "CreateResponse" not in room.names
    room.do(Respond(), Respond())
    assert room.sent == []
    room.hear(ResponseDone("r1", "completed"))
    assert room.sent == [CreateResponse()]


def test_an_ongoing_response_makes_the_request_wait_for_its_end() -> None:
    room = Room()
    room.say()
    room.hear(error(ErrorKind.BUSY))
    assert room.sent == []
    room.hear(ResponseCreated("theirs"), ResponseDone("theirs", "completed"))
    assert room.sent == [CreateResponse()]


def test_an_ongoing_response_that_never_shows_does_not_block_for_ever() -> None:
    room = Room()
    room.say()
    room.hear(error(ErrorKind.BUSY))
    room.wait(4.8)
    assert room.sent == []
    room.wait(0.4)
    assert room.sent == [CreateResponse()]


def test_responses_a_minute_are_capped_and_the_next_one_waits() -> None:
    room = Room(options=SessionOptions(responses_per_minute=2))
    for number in range(3):
        room.say()
        room.hear(ResponseCreated(f"r{number}"), ResponseDone(f"r{number}", "completed"))
    assert sum(isinstance(event, CreateResponse) for event in room.all_sent) == 2
    room.wait(59)
    assert room.sent == []
    room.wait(2)
    assert room.sent == [CreateResponse()]


def test_a_request_over_the_providers_own_limit_is_tried_later() -> None:
    room = Room()
    room.say()
    room.hear(error(ErrorKind.RATE_LIMITED))
    room.wait(9)
    assert room.sent == []
    room.wait(2)
    assert room.sent == [CreateResponse()]
    assert room.faults == []


def test_a_provider_that_keeps_refusing_is_reported_in_the_end() -> None:
    room = Room()
    room.say()
    for _ in range(4):
        room.hear(error(ErrorKind.RATE_LIMITED))
        told = room.told
        room.wait(11)
    assert told == [ReplyDone("", "failed", {}, "rate limited")]
    assert room.sent == []


def test_a_transient_failure_before_any_sound_is_tried_once_more_unseen() -> None:
    room = Room()
    room.say()
    room.hear(ResponseCreated("r1"), error(ErrorKind.TRANSIENT), ResponseDone("r1", "failed"))
    assert room.told == [ReplyStarted("r1")]
    assert room.sent == [CreateResponse()]
    room.hear(ResponseCreated("r2"), AudioDelta("r2", "i1", FRAME), ResponseDone("r2", "completed"))
    assert room.told == [ReplyAudio("r1", "i1", FRAME), ReplyDone("r1", "completed")]


def test_a_second_failure_is_told() -> None:
    room = Room()
    room.say()
    room.hear(ResponseCreated("r1"), ResponseDone("r1", "failed"))
    room.hear(ResponseCreated("r2"), ResponseDone("r2", "failed", {}, "internal error"))
    assert room.told == [ReplyDone("r1", "failed", {}, "internal error")]
    assert room.sent == []


def test_a_failure_after_sound_is_not_repeated() -> None:
    room = Room()
    replying(room)
    room.hear(ResponseDone("r1", "failed"))
    assert room.sent == []
    assert room.told == [ReplyDone("r1", "failed")]


def test_a_transient_error_without_a_done_is_tried_again_after_a_moment() -> None:
    room = Room()
    room.say()
    room.hear(ResponseCreated("r1"), error(ErrorKind.TRANSIENT))
    room.wait(1.8)
    assert room.sent == []
    room.wait(0.4)
    assert room.sent == [CreateResponse()]


def test_a_response_without_a_sign_of_life_is_given_up_after_thirty_seconds() -> None:
    room = Room()
    replying(room)
    room.wait(29)
    assert room.sent == []
    room.wait(2)
    assert room.sent == [CancelResponse()]
    assert room.told == [ReplyDone("r1", "failed", {}, "no sign of life")]


def test_a_long_reply_that_still_streams_is_no_dead_one() -> None:
    room = Room()
    replying(room)
    for _ in range(4):
        room.wait(20)
        room.hear(AudioDelta("r1", "i1", FRAME))
    assert not any(isinstance(event, ReplyDone) for event in room.all_told)


def test_a_request_that_is_never_answered_is_reported() -> None:
    room = Room()
    room.say()
    room.wait(31)
    assert room.told == [ReplyDone("", "failed", {}, "no sign of life")]


def test_an_empty_conversation_gets_an_item_before_the_response() -> None:
    room = Room()
    room.do(Respond())
    room.hear(error(ErrorKind.EMPTY_CONVERSATION))
    assert room.names == "CreateItem CreateResponse"


def test_tool_outputs_wait_for_the_end_of_the_response_that_asked() -> None:
    room = Room()
    room.say()
    room.hear(ResponseCreated("r1"), FunctionCalled("c1", "roll", "{}"))
    assert room.told[-1] == ToolCalled("c1", "roll", "{}")
    room.do(AnswerTool("c1", "4"), Respond())
    assert room.sent == []
    room.hear(ResponseDone("r1", "completed"))
    assert room.sent == [CreateToolOutput("c1", "4"), CreateResponse()]


# ---------------------------------------------------------------------------- interruptions


def test_an_interrupted_reply_is_cancelled_and_deaf_at_once() -> None:
    room = Room()
    replying(room)
    room.do(Interrupt())
    assert room.sent == [CancelResponse()]
    room.hear(AudioDelta("r1", "i1", FRAME), TranscriptDelta("r1", "i1", "more"))
    assert room.told == []
    assert room.session.counts()["late_deltas"] == 2
    room.hear(ResponseDone("r1", "completed"))
    assert room.told == [ReplyDone("r1", "cancelled")]


def test_two_interruptions_are_one_cancellation() -> None:
    room = Room()
    replying(room)
    room.do(Interrupt(), Interrupt())
    assert room.sent == [CancelResponse()]


def test_deltas_after_the_end_are_dropped() -> None:
    room = Room()
    replying(room)
    room.do(Interrupt())
    room.hear(ResponseDone("r1", "cancelled"), AudioDelta("r1", "i1", FRAME), ResponseDone("r1", "cancelled"))
    assert room.told == [ReplyDone("r1", "cancelled")]


HEARD_TABLE: list[tuple[str, Capabilities, Unheard, HeardItem, list[ClientEvent]]] = [
    (
        "recreated with the heard words",
        STEPFUN_LIKE,
        Unheard.RECREATE,
        HeardItem("i1", 400, 6000, "Once upon"),
        [DeleteItem("i1"), CreateItem(Item("assistant", "Once upon"))],
    ),
    (
        "left, with a note",
        STEPFUN_LIKE,
        Unheard.NOTE,
        HeardItem("i1", 400, 6000, "Once upon"),
        [CreateItem(Item("system", "You were interrupted. Of your last reply the room heard only: Once upon"))],
    ),
    (
        "truncated where that is to be had",
        replace(STEPFUN_LIKE, truncation=True),
        Unheard.RECREATE,
        HeardItem("i1", 400.7, 6000, "Once upon"),
        [TruncateItem("i1", 400)],
    ),
    (
        "truncated at most at its end",
        replace(STEPFUN_LIKE, truncation=True),
        Unheard.RECREATE,
        HeardItem("i1", 500, 490, "Once upon"),
        [TruncateItem("i1", 490)],
    ),
    ("deleted, nothing heard", STEPFUN_LIKE, Unheard.NOTE, HeardItem("i1", 0, 6000, ""), [DeleteItem("i1")]),
    ("deleted, no word heard", STEPFUN_LIKE, Unheard.RECREATE, HeardItem("i1", 90, 6000, " "), [DeleteItem("i1")]),
    (
        "deleted even with truncation, nothing heard",
        replace(STEPFUN_LIKE, truncation=True),
        Unheard.NOTE,
        HeardItem("i1", 0, 6000, ""),
        [DeleteItem("i1")],
    ),
    (
        "somebody else's item is left alone",
        STEPFUN_LIKE,
        Unheard.RECREATE,
        HeardItem("old", 9, 60, "x"),
        [DeleteItem("i1")],
    ),
]


@pytest.mark.parametrize(
    ("capabilities", "unheard", "item", "sent"), [row[1:] for row in HEARD_TABLE], ids=[row[0] for row in HEARD_TABLE]
)
def test_of_an_interrupted_reply_the_heard_part_stays(
    capabilities: Capabilities, unheard: Unheard, item: HeardItem, sent: list[ClientEvent]
) -> None:
    room = Room(capabilities, options=SessionOptions(unheard=unheard))
    replying(room)
    room.do(Interrupt((item,)))
    assert room.sent == [CancelResponse()]
    room.hear(ResponseDone("r1", "cancelled"))
    assert room.sent == sent


def test_a_reply_that_was_complete_but_not_heard_out_is_corrected_at_once() -> None:
    room = Room()
    replying(room)
    room.hear(ResponseDone("r1", "completed"))
    room.do(heard())
    assert room.sent == [DeleteItem("i1"), CreateItem(Item("assistant", "Well"))]


def test_a_reply_that_was_heard_out_stays_as_it_is() -> None:
    room = Room()
    replying(room)
    room.hear(ResponseDone("r1", "completed"))
    room.do(heard(heard_ms=5980, total_ms=6000))
    assert room.sent == []


def test_what_follows_an_interruption_waits_until_the_memory_is_right() -> None:
    room = Room()
    replying(room)
    room.do(heard())
    room.say("Bob")
    assert room.names == "Clear Append"
    room.hear(ResponseDone("r1", "cancelled"))
    assert room.names == "DeleteItem CreateItem Commit CreateResponse"
    assert room.sent[1:3] == [CreateItem(Item("assistant", "Well")), CreateItem(Item("user", "[Bob] speaks:"))]


def test_sound_after_a_held_back_commit_is_held_back_too() -> None:
    room = Room()
    replying(room)
    room.do(heard())
    room.say("Bob")
    room.do(AppendAudio(FRAME))
    assert room.sent == []
    room.hear(ResponseDone("r1", "cancelled"))
    assert room.names == "DeleteItem CreateItem Commit Clear Append CreateResponse"


def test_a_server_that_never_confirms_a_cancellation_holds_up_nothing_for_long() -> None:
    room = Room()
    replying(room)
    room.do(heard())
    room.say("Bob")
    room.wait(2)
    assert room.names == "DeleteItem CreateItem Commit CreateResponse"


def test_a_late_cancellation_is_benign() -> None:
    room = Room()
    replying(room)
    room.do(heard())
    room.hear(error(ErrorKind.NOTHING_TO_CANCEL))
    assert room.names == "DeleteItem CreateItem"
    assert room.told == [ReplyDone("r1", "cancelled")]
    assert room.faults == []


def test_a_request_that_was_cancelled_before_it_had_a_name_stays_silent() -> None:
    room = Room()
    room.say()
    room.do(Interrupt())
    assert room.sent == [CancelResponse()]
    room.hear(ResponseCreated("r1"), AudioDelta("r1", "i1", FRAME), ResponseDone("r1", "cancelled"))
    assert room.told == []
    assert room.sent == [DeleteItem("i1")]


def test_a_cancellation_that_came_too_early_is_repeated() -> None:
    room = Room()
    room.say()
    room.do(Interrupt())
    room.hear(error(ErrorKind.NOTHING_TO_CANCEL), ResponseCreated("r1"))
    assert room.sent == [CancelResponse()]


def test_an_interruption_takes_back_a_waiting_response() -> None:
    room = Room()
    replying(room)
    room.do(Respond(), Interrupt())
    room.hear(ResponseDone("r1", "cancelled"))
    assert "CreateResponse" not in room.names


def test_truncation_that_the_server_does_not_know_is_done_otherwise() -> None:
    room = Room(replace(STEPFUN_LIKE, truncation=True))
    replying(room)
    room.hear(ResponseDone("r1", "completed"))
    room.do(heard())
    assert room.names == "TruncateItem"
    room.hear(error(ErrorKind.UNSUPPORTED))
    assert room.sent == [DeleteItem("i1"), CreateItem(Item("assistant", "Well"))]


def test_a_model_that_answers_in_text_after_recreated_words_gets_notes_instead() -> None:
    room = Room()
    replying(room)
    room.hear(ResponseDone("r1", "completed"))
    room.do(heard())
    room.say("Bob")
    room.hear(ResponseCreated("r2"), ItemCreated("i2", "message", "assistant"), ResponseDone("r2", "completed"))
    replying(room, "r3", "i3")
    room.hear(ResponseDone("r3", "completed"))
    room.do(heard("i3"))
    assert room.names == "CreateItem"


# ---------------------------------------------------------------------------- the server's own detection


def test_with_server_vad_nothing_is_committed_or_created() -> None:
    room = Room(config=vad())
    room.say()
    assert room.names == "Append CreateItem"
    assert room.sent[-1] == CreateItem(Item("user", "[Alice] speaks:"))


def test_sound_that_names_its_speaker_is_attributed_before_it_is_sent() -> None:
    room = Room(config=vad())
    room.do(AppendAudio(FRAME, "Alice"), AppendAudio(FRAME, "Alice"), AppendAudio(FRAME, "Bob"))
    assert room.names == "CreateItem Append CreateItem Append"


def test_the_servers_responses_are_adopted() -> None:
    room = Room(config=vad())
    room.do(AppendAudio(FRAME, "Alice"))
    room.hear(SpeechStarted("u1"), SpeechStopped("u1"), Committed("u1"), ResponseCreated("r1"))
    assert room.told == [ModelHearsSpeech(), ModelHearsSilence(), ReplyStarted("r1")]
    room.do(AppendAudio(FRAME, "Bob"))
    room.hear(InputTranscript("u1", "hello", True))
    assert room.told == [UtteranceTranscribed("u1", "hello", "Alice")]


def test_speech_belongs_to_whoever_spoke_when_it_began() -> None:
    room = Room(config=vad())
    room.do(AppendAudio(FRAME, "Alice"))
    room.hear(SpeechStarted("u1"))
    room.do(AppendAudio(FRAME, "Bob"))
    room.hear(SpeechStopped("u1"), Committed("u1"), InputTranscript("u1", "hello", True))
    assert room.told[-1] == UtteranceTranscribed("u1", "hello", "Alice")


def test_a_response_that_begins_while_another_is_open_ends_that_one() -> None:
    room = Room(config=vad())
    room.hear(
        ResponseCreated("r1"), AudioDelta("r1", "i1", FRAME), ResponseCreated("r2"), AudioDelta("r1", "i1", FRAME)
    )
    assert room.told == [
        ReplyStarted("r1"),
        ReplyAudio("r1", "i1", FRAME),
        ReplyDone("r1", "cancelled", {}, "another response began"),
        ReplyStarted("r2"),
    ]


def test_text_is_answered_also_with_server_vad_but_not_while_the_server_is_about_to() -> None:
    room = Room(config=vad())
    room.hear(SpeechStarted("u1"), SpeechStopped("u1"))
    room.do(AddText("hi", "Bob"), Respond())
    assert room.names == "CreateItem"
    room.hear(ResponseCreated("r1"), ResponseDone("r1", "completed"))
    assert room.sent == [CreateResponse()]


EVIDENCE: list[tuple[str, Any]] = [
    ("it heard speech begin", SpeechStarted("u1")),
    ("it committed by itself", Committed("u1")),
    ("it refused a commit", error(ErrorKind.SERVER_VAD_ON)),
    ("it says so", SessionUpdated(True)),
]


@pytest.mark.parametrize("evidence", [row[1] for row in EVIDENCE], ids=[row[0] for row in EVIDENCE])
def test_a_server_that_detects_although_told_not_to_gets_its_way(evidence: Any) -> None:
    room = Room()
    room.do(AppendAudio(FRAME))
    room.hear(evidence)
    assert room.sent == [Configure(vad())]
    assert TurnModeChanged(TurnMode.SERVER_VAD) in room.told
    room.say("Bob")
    assert "Commit" not in room.names.split()


def test_a_server_that_says_in_the_opening_that_it_detects_is_believed() -> None:
    room = Room(is_open=False)
    room.open(detection_on=True)
    assert room.told == [ModelReady("s", TurnMode.SERVER_VAD), TurnModeChanged(TurnMode.SERVER_VAD)]


def test_the_servers_insistence_is_remembered_in_the_next_session() -> None:
    room = Room()
    room.hear(SpeechStarted("u1"))
    room.lose()
    room.open()
    assert ModelReady("s", TurnMode.SERVER_VAD) in room.told


def test_a_model_without_manual_turns_is_driven_by_its_own_detection() -> None:
    room = Room(replace(STEPFUN_LIKE, manual_turns=False), is_open=False)
    room.open()
    assert room.told == [ModelReady("s", TurnMode.SERVER_VAD)]


def test_the_response_to_a_refused_commit_is_taken_back() -> None:
    room = Room()
    room.say()
    room.hear(error(ErrorKind.SERVER_VAD_ON))
    assert room.sent == [CancelResponse(), Configure(vad())]
    room.hear(ResponseCreated("r1"), AudioDelta("r1", "i1", FRAME))
    assert room.told == []


def test_turns_can_be_switched_at_run_time_in_both_directions() -> None:
    room = Room()
    room.do(Reconfigure(vad()))
    assert room.told == [TurnModeChanged(TurnMode.SERVER_VAD)]
    room.hear(SessionUpdated(True))
    room.do(Reconfigure(SessionConfig("Be kind.")))
    assert room.told == [TurnModeChanged(TurnMode.MANUAL)]
    room.hear(SpeechStarted("late"))
    assert room.told == []
    room.hear(SessionUpdated(False))
    room.say()
    assert room.names == "Clear Append CreateItem Commit CreateResponse"


# ---------------------------------------------------------------------------- other changes, and the end


def test_new_instructions_are_told_at_once() -> None:
    room = Room()
    room.do(Reconfigure(SessionConfig("Be brief.")))
    assert room.sent == [Configure(SessionConfig("Be brief."))]
    assert not room.restarted


def test_another_voice_is_only_told_before_anything_was_said() -> None:
    room = Room()
    room.do(Reconfigure(SessionConfig("", voice="other")))
    assert not room.restarted
    replying(room)
    room.do(Reconfigure(SessionConfig("", voice="third")))
    assert room.restarted


def test_a_fresh_session_for_another_voice_keeps_what_is_said_meanwhile() -> None:
    room = Room()
    replying(room)
    room.do(Reconfigure(SessionConfig("", voice="other")), AddText("hello", "Alice"), Respond())
    assert room.sent == []
    room.lose()
    assert room.told == [ReplyDone("r1", "failed", {}, "connection lost")]
    room.open()
    assert room.sent[0] == Configure(SessionConfig("", voice="other"))
    assert room.names == "Configure CreateItem CreateResponse"


def test_where_the_voice_does_not_lock_it_is_simply_told() -> None:
    room = Room(replace(STEPFUN_LIKE, voice_locks=False))
    replying(room)
    room.do(Reconfigure(SessionConfig("", voice="other")))
    assert not room.restarted


def test_a_voice_refused_in_mid_session_falls_back_once() -> None:
    room = Room()
    room.do(Reconfigure(SessionConfig("", voice="nobody")))
    room.hear(error(ErrorKind.VOICE_REFUSED))
    assert room.sent == [Configure(SessionConfig(""))]
    room.hear(error(ErrorKind.VOICE_REFUSED))
    assert room.sent == []
    assert room.faults == []


def test_a_lost_socket_ends_the_reply_and_the_session_opens_anew() -> None:
    room = Room()
    replying(room)
    room.lose()
    assert room.told == [ReplyDone("r1", "failed", {}, "connection lost")]
    room.do(heard())
    room.open()
    assert room.names == "Configure"
    assert room.told == [ModelReady("s", TurnMode.MANUAL)]


def test_a_session_near_its_limit_is_renewed_in_a_pause_only() -> None:
    room = Room()
    room.wait(1679)
    replying(room)
    room.wait(5)
    assert not room.restarted
    room.hear(ResponseDone("r1", "completed"))
    room.do(AppendAudio(FRAME))
    room.wait(5)
    assert not room.restarted
    room.do(CommitUtterance("Alice"))
    room.wait(2)
    assert room.restarted


def test_a_session_without_a_limit_is_never_renewed() -> None:
    room = Room(Capabilities(session_s=None))
    room.now += 100_000
    room.wait(1)
    assert not room.restarted


def test_a_fatal_error_ends_the_connection() -> None:
    room = Room()
    room.hear(error(ErrorKind.FATAL, ModelFault.NO_BALANCE))
    assert room.faults == [ModelFault.NO_BALANCE]


@pytest.mark.parametrize(
    "kind", [ErrorKind.OTHER, ErrorKind.UNKNOWN_ITEM, ErrorKind.UNSUPPORTED, ErrorKind.NOTHING_TO_CANCEL]
)
def test_other_errors_are_counted_and_change_nothing(kind: ErrorKind) -> None:
    room = Room()
    room.hear(error(kind))
    assert (room.sent, room.told, room.faults) == ([], [], [])
    assert room.session.counts()[f"error.{kind}"] == 1


def test_malformed_messages_are_counted() -> None:
    room = Room()
    room.hear(Malformed("no JSON"), Malformed("no JSON"))
    assert room.session.counts()["malformed"] == 2


def test_clear_is_part_of_a_discard_also_with_server_vad() -> None:
    room = Room(config=vad())
    room.do(AppendAudio(FRAME, "Alice"), DiscardAudio())
    assert room.sent[-1] == Clear()
