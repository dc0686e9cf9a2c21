"""Whatever a room does and a server says, in any order: what a session never does."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_room import FRAME, STEPFUN_LIKE, Room

from bot.realtime.events import (
    AddText,
    AnswerTool,
    Append,
    AppendAudio,
    Attribution,
    AudioDelta,
    CancelResponse,
    Commit,
    Committed,
    CommitUtterance,
    CreateResponse,
    DeleteItem,
    DiscardAudio,
    ErrorKind,
    FunctionCalled,
    HeardItem,
    InputTranscript,
    Interrupt,
    ItemCreated,
    ItemDeleted,
    Malformed,
    ModelCommand,
    ProviderError,
    Reconfigure,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyWords,
    Respond,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SessionConfig,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    TranscriptDelta,
    TranscriptDone,
    TurnMode,
    Unheard,
)
from bot.realtime.session import SessionOptions

pytestmark = pytest.mark.core

responses = st.sampled_from(["r1", "r2", "r3", ""])
items = st.sampled_from(["i1", "i2", "i3", ""])
heard_items = st.builds(
    HeardItem, items, st.sampled_from([0.0, 50.0, 900.0]), st.just(900.0), st.sampled_from(["", "Well"])
)
configs = st.builds(
    SessionConfig, st.just("Be kind."), st.sampled_from([None, "a", "b"]), st.sampled_from(list(TurnMode))
)
commands: st.SearchStrategy[ModelCommand] = st.one_of(
    st.builds(AppendAudio, st.just(FRAME), st.sampled_from([None, "Alice", "Bob"])),
    st.builds(AppendAudio, st.just(FRAME * 6)),
    st.just(DiscardAudio()),
    st.builds(CommitUtterance, st.sampled_from(["Alice", "Bob"])),
    st.builds(AddText, st.just("hello"), st.sampled_from([None, "Bob"])),
    st.just(Respond()),
    st.builds(Interrupt, st.lists(heard_items, max_size=2).map(tuple)),
    st.builds(Reconfigure, configs),
    st.builds(AnswerTool, st.just("c1"), st.just("4")),
)
server_events: st.SearchStrategy[ServerEvent] = st.one_of(
    st.builds(SessionCreated, st.just("s")),
    st.builds(SessionUpdated, st.sampled_from([None, True, False])),
    st.builds(ResponseCreated, responses),
    st.builds(AudioDelta, responses, items, st.sampled_from([FRAME, b"\x01", b""])),
    st.builds(TranscriptDelta, responses, items, st.just("word ")),
    st.builds(TranscriptDone, responses, items, st.just("word word ")),
    st.builds(ResponseDone, responses, st.sampled_from(["completed", "cancelled", "failed"])),
    st.builds(ItemCreated, items, st.just("message"), st.sampled_from(["user", "assistant"])),
    st.builds(ItemDeleted, items),
    st.builds(FunctionCalled, st.just("c1"), st.just("roll"), st.just("{}")),
    st.builds(SpeechStarted, st.just("u1")),
    st.builds(SpeechStopped, st.just("u1")),
    st.builds(Committed, st.sampled_from(["u1", "u2"])),
    st.builds(InputTranscript, st.sampled_from(["u1", "u2", ""]), st.just("hello"), st.booleans()),
    st.builds(ProviderError, st.sampled_from(list(ErrorKind)), st.just("words")),
    st.builds(Malformed, st.just("no JSON")),
)
steps = st.lists(
    st.one_of(commands, server_events, st.sampled_from([0.1, 1.0, 7.0, 40.0]), st.just("lost")), max_size=60
)
COMMANDS = (
    AppendAudio,
    DiscardAudio,
    CommitUtterance,
    AddText,
    Respond,
    Interrupt,
    Reconfigure,
    AnswerTool,
)


def play(room: Room, script: list[object]) -> None:
    for step in script:
        if isinstance(step, float):
            room.wait(step)
        elif step == "lost":
            room.lose()
            room.open()
        elif isinstance(step, COMMANDS):
            room.do(step)
        else:
            room.hear(step)  # type: ignore[arg-type]
        if room.outcomes[-1].restart or room.outcomes[-1].fault:
            room.lose()
            room.open()


rooms = st.builds(
    lambda mode, attribution, unheard: Room(
        STEPFUN_LIKE, SessionConfig("Be kind.", turn_mode=mode), SessionOptions(attribution, unheard, 1000)
    ),
    st.sampled_from(list(TurnMode)),
    st.sampled_from(list(Attribution)),
    st.sampled_from(list(Unheard)),
)


@settings(deadline=None, max_examples=250)
@given(room=rooms, script=steps)
def test_every_reply_that_starts_ends_once_and_is_silent_afterwards(room: Room, script: list[object]) -> None:
    play(room, script)
    room.lose()
    started, ended = Counter[str](), Counter[str]()
    for event in room.all_told:
        match event:
            case ReplyStarted(response_id):
                started[response_id] += 1
                assert started[response_id] == ended[response_id] + 1
            case ReplyAudio(response_id) | ReplyWords(response_id):
                assert started[response_id] == ended[response_id] + 1
            case ReplyDone(response_id) if response_id:
                ended[response_id] += 1
            case _:
                pass
    for response_id, count in started.items():
        assert ended[response_id] == count


@settings(deadline=None, max_examples=250)
@given(room=rooms, script=steps)
def test_sound_is_whole_samples_and_never_empty(room: Room, script: list[object]) -> None:
    play(room, script)
    for event in room.all_told:
        if isinstance(event, ReplyAudio):
            assert event.pcm
            assert len(event.pcm) % 2 == 0


@settings(deadline=None, max_examples=250)
@given(room=rooms, script=steps)
def test_no_commit_is_shorter_than_100_ms(room: Room, script: list[object]) -> None:
    play(room, script)
    appended_bytes = 0
    for event in room.all_sent:
        match event:
            case Append(pcm):
                appended_bytes += len(pcm)
            case Commit():
                assert appended_bytes >= 4800
                appended_bytes = 0
            case _:
                pass


@settings(deadline=None, max_examples=250)
@given(room=rooms, script=steps)
def test_only_what_the_server_named_is_deleted(room: Room, script: list[object]) -> None:
    named = {step.item_id for step in script if isinstance(step, (AudioDelta, ItemCreated))}
    play(room, script)
    for event in room.all_sent:
        if isinstance(event, DeleteItem):
            assert event.item_id
            assert event.item_id in named


@settings(deadline=None, max_examples=250)
@given(script=st.lists(st.one_of(commands, server_events), max_size=60))
def test_no_request_follows_another_without_an_answer(script: list[object]) -> None:
    """As long as no time goes by: a created, done or error must lie between two requests."""
    room = Room(options=SessionOptions(responses_per_minute=1000))
    is_open_request = False
    for step in script:
        play(room, [step])
        is_command = isinstance(step, COMMANDS)
        for event in room.sent:
            if isinstance(event, CreateResponse):
                assert not (is_open_request and is_command)
                is_open_request = True
        if not is_command:
            is_open_request = any(isinstance(event, CreateResponse) for event in room.sent)


@settings(deadline=None, max_examples=100)
@given(room=rooms, script=steps)
def test_in_the_end_everything_comes_to_rest(room: Room, script: list[object]) -> None:
    play(room, script)
    room.hear(SessionUpdated(None), ResponseDone("", "completed"))
    for _ in range(6):
        room.wait(31)
    before = len(room.all_sent)
    room.wait(31)
    assert [event for event in room.all_sent[before:] if not isinstance(event, CancelResponse)] == []
