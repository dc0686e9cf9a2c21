import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.local.mind import Call
from bot.local.protocol import ALL_TEXT_LIMIT, TEXT_LIMIT, Act, Answer, Forget, Hear, Send, Session, Sound, Stop

pytestmark = pytest.mark.core

TONE = b"\x00\x20\x00\xe0" * 2400
QUIET = bytes(9600)


def append(pcm: bytes) -> dict[str, str]:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}


def manual() -> Session:
    session = Session("sess_1", "kith-local")
    session.receive({"type": "session.update", "session": {"turn_detection": None, "instructions": "Name: Yue"}})
    return session


def kinds(acts: list[Act]) -> list[str]:
    return [act.kind if isinstance(act, Send) else type(act).__name__ for act in acts]


def refusal(acts: list[Act]) -> str:
    [act] = acts
    assert isinstance(act, Send)
    assert act.kind == "error"
    return str(act.fields["error"]["message"])


def heard(session: Session, pcm: bytes = TONE) -> Hear:
    session.receive(append(pcm))
    return next(act for act in session.receive({"type": "input_audio_buffer.commit"}) if isinstance(act, Hear))


def test_a_session_begins_with_session_created() -> None:
    assert kinds(Session("sess_1", "m").begin()) == ["session.created"]


def test_a_manual_utterance_is_heard_while_it_comes_and_announced_when_it_is_committed() -> None:
    session = manual()
    assert session.receive(append(TONE)) == [Sound(TONE)]
    acts = session.receive({"type": "input_audio_buffer.commit"})
    assert kinds(acts) == ["input_audio_buffer.committed", "conversation.item.created", "Hear"]


def test_what_was_understood_is_told_and_remembered() -> None:
    session = manual()
    item = heard(session).item
    [told] = session.understood(item, "hello")
    assert isinstance(told, Send)
    assert told.fields["transcript"] == "hello"
    assert session.items[-1].text == "hello"


def test_a_commit_of_nothing_and_a_commit_under_detection_are_refused_in_the_services_words() -> None:
    session = manual()
    assert "append is not called" in refusal(session.receive({"type": "input_audio_buffer.commit"}))
    session.receive({"type": "session.update", "session": {"turn_detection": {"type": "server_vad"}}})
    assert refusal(session.receive({"type": "input_audio_buffer.commit"})) == "commit when server vad"


def test_a_clear_forgets_what_came_in() -> None:
    session = manual()
    session.receive(append(TONE))
    assert kinds(session.receive({"type": "input_audio_buffer.clear"})) == ["Forget", "input_audio_buffer.cleared"]
    assert "append is not called" in refusal(session.receive({"type": "input_audio_buffer.commit"}))


def test_detection_needs_silence_in_the_stream_to_end_a_turn_and_then_answers_by_itself() -> None:
    session = Session("sess_1", "m")
    detection = {"type": "server_vad", "silence_duration_ms": 300, "energy_awakeness_threshold": 1000}
    session.receive({"type": "session.update", "session": {"turn_detection": detection}})
    assert session.receive(append(QUIET)) == []
    assert kinds(session.receive(append(TONE))) == ["input_audio_buffer.speech_started", "Sound"]
    assert session.receive(append(QUIET)) == [Sound(QUIET)]
    acts = session.receive(append(QUIET))
    assert kinds(acts) == [
        "Sound",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.created",
        "Hear",
        "response.created",
        "Answer",
    ]


def test_a_turn_is_heard_from_before_its_onset_and_an_update_in_its_middle_does_not_end_it() -> None:
    session = Session("sess_1", "m")
    detection = {"type": "server_vad", "silence_duration_ms": 200, "energy_awakeness_threshold": 1000}
    session.receive({"type": "session.update", "session": {"turn_detection": detection}})
    sound = [act.pcm for act in session.receive(append(QUIET + TONE)) if isinstance(act, Sound)]
    assert b"".join(sound) == QUIET + TONE
    acts = session.receive({"type": "session.update", "session": {"instructions": "x", "turn_detection": detection}})
    assert kinds(acts) == ["session.updated"]
    assert "Hear" in kinds(session.receive(append(QUIET)))


def test_what_came_in_under_one_way_to_find_turns_is_forgotten_under_the_other() -> None:
    session = Session("sess_1", "m")
    session.receive(append(TONE))
    acts = session.receive({"type": "session.update", "session": {"turn_detection": None}})
    assert kinds(acts) == ["Forget", "session.updated"]
    assert "append is not called" in refusal(session.receive({"type": "input_audio_buffer.commit"}))
    session.receive(append(TONE))
    for detection in ({"type": "server_vad"}, None):
        acts = session.receive({"type": "session.update", "session": {"turn_detection": detection}})
        assert kinds(acts) == ["Forget", "session.updated"]
    assert "append is not called" in refusal(session.receive({"type": "input_audio_buffer.commit"}))


def test_a_noise_that_is_no_speech_begins_no_turn_where_somebody_can_tell() -> None:
    answers = iter([0.1, 0.1, 0.9])
    session = Session("sess_1", "m", probability=lambda _: next(answers))
    detection = {"type": "server_vad", "silence_duration_ms": 200, "energy_awakeness_threshold": 1000}
    session.receive({"type": "session.update", "session": {"turn_detection": detection}})
    assert session.receive(append(TONE[: 960 * 6])) == []
    [began, _] = session.receive(append(TONE[: 960 * 4]))
    assert isinstance(began, Send)
    assert began.fields["audio_start_ms"] == 0


def test_a_voice_that_there_is_not_is_refused_and_changes_nothing() -> None:
    session = Session("sess_1", "m", has_voice=lambda voice: voice != "en-xx")
    update = {"type": "session.update", "session": {"voice": "en-xx", "instructions": "Name: Nobody"}}
    assert refusal(session.receive(update)) == "voice en-xx is not valid"
    assert session.told.instructions == ""


def test_speech_over_a_reply_stops_it_under_detection() -> None:
    session = Session("sess_1", "m")
    detection = {"type": "server_vad", "silence_duration_ms": 100, "energy_awakeness_threshold": 1000}
    session.receive({"type": "session.update", "session": {"turn_detection": detection}})
    acts = session.receive(append(TONE + QUIET))
    answer = next(act for act in acts if isinstance(act, Answer))
    session.spoke(answer.response_id, "Once ", TONE)
    acts = session.receive(append(TONE))
    assert Stop(answer.response_id) in acts
    assert [
        act.fields["response"]["status"] for act in acts if isinstance(act, Send) and act.kind == "response.done"
    ] == ["cancelled"]
    assert session.spoke(answer.response_id, "upon", TONE) == []


def test_one_response_at_a_time_and_none_of_nothing() -> None:
    session = manual()
    assert "continue_final_message" in refusal(session.receive({"type": "response.create"}))
    heard(session)
    assert kinds(session.receive({"type": "response.create"})) == ["response.created", "Answer"]
    assert refusal(session.receive({"type": "response.create"})) == "ongoing response already exists"


def test_a_reply_streams_its_words_with_its_sound_and_ends_with_done() -> None:
    session = manual()
    heard(session)
    answer = next(act for act in session.receive({"type": "response.create"}) if isinstance(act, Answer))
    first = kinds(session.spoke(answer.response_id, "Hello ", TONE))
    assert first[-2:] == ["response.audio_transcript.delta", "response.audio.delta"]
    assert kinds(session.spoke(answer.response_id, "there.", TONE)) == first[-2:]
    last = kinds(session.finished(answer.response_id))
    assert last[0] == "response.audio.done"
    assert last[-1] == "response.done"
    assert session.items[-1].text == "Hello there."
    assert kinds(session.receive({"type": "response.create"}))[0] == "response.created"


def test_a_cancel_ends_the_response_and_a_late_one_is_refused() -> None:
    session = manual()
    heard(session)
    session.receive({"type": "response.create"})
    assert kinds(session.receive({"type": "response.cancel"})) == ["Stop", "response.done"]
    assert refusal(session.receive({"type": "response.cancel"})) == "no ongoing response to cancel"


def test_a_failed_response_says_so_and_the_session_goes_on() -> None:
    session = manual()
    heard(session)
    answer = next(act for act in session.receive({"type": "response.create"}) if isinstance(act, Answer))
    assert kinds(session.finished(answer.response_id, has_failed=True)) == ["error", "response.done"]
    assert kinds(session.receive({"type": "response.create"}))[0] == "response.created"


def test_items_are_created_and_deleted_by_the_servers_ids() -> None:
    session = manual()
    content = [{"type": "input_text", "text": "[Alice] types: hi"}]
    item = {"type": "message", "id": "mine", "role": "user", "content": content}
    [created] = session.receive({"type": "conversation.item.create", "item": item})
    assert isinstance(created, Send)
    item_id = created.fields["item"]["id"]
    assert item_id != "mine"
    assert "cannot find item" in refusal(session.receive({"type": "conversation.item.delete", "item_id": "mine"}))
    assert kinds(session.receive({"type": "conversation.item.delete", "item_id": item_id})) == [
        "conversation.item.deleted"
    ]
    assert not session.items


def test_an_assistant_item_with_sound_or_a_function_call_is_refused() -> None:
    session = manual()
    sound = {"type": "message", "role": "assistant", "content": [{"type": "audio", "audio": ""}]}
    assert refusal(session.receive({"type": "conversation.item.create", "item": sound})) == "invalid event format"
    call = {"type": "function_call", "name": "x"}
    words = refusal(session.receive({"type": "conversation.item.create", "item": call}))
    assert words == "item.type must be message or function_call_output"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
events = st.one_of(
    json_values,
    st.builds(
        lambda kind, fields: {**fields, "type": kind},
        st.sampled_from(sorted(Session("s", "m")._answers)),
        st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("session", "audio", "item", "item_id", "previous_item_id"), json_values)
        ),
    ),
)


@settings(deadline=None, max_examples=200)
@given(st.lists(events, max_size=8))
def test_whatever_a_client_sends_the_session_answers_and_goes_on(sent: list[Any]) -> None:
    session = Session("sess_1", "m")
    for event in sent:
        for act in session.receive(event):
            assert isinstance(act, (Send, Sound, Forget, Hear, Answer, Stop))
            if isinstance(act, Send):
                json.dumps(dict(act.fields))
    session.receive({"type": "session.update", "session": {"turn_detection": None, "voice": "en", "instructions": ""}})
    session.receive(append(TONE))
    assert kinds(session.receive({"type": "input_audio_buffer.commit"}))[-1] == "Hear"


# ---------------------------------------------------------------------------- tools and sessions of text only

ROLL = {
    "type": "function",
    "function": {"name": "roll_dice", "description": "Rolls.", "parameters": {"type": "object"}},
}


def update(session: Session, **fields: Any) -> list[Act]:
    return session.receive({"type": "session.update", "session": fields})


def answering(session: Session) -> str:
    session.receive({"type": "conversation.item.create", "item": typed("roll")})
    return next(act for act in session.receive({"type": "response.create"}) if isinstance(act, Answer)).response_id


def typed(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def output_of(call_id: str) -> dict[str, Any]:
    item = {"type": "function_call_output", "call_id": call_id, "output": '{"rolls": [4]}'}
    return {"type": "conversation.item.create", "item": item}


def test_functions_are_offered_and_what_runs_at_a_server_is_left_out() -> None:
    session = manual()
    update(session, tools=[ROLL, {"type": "web_search", "function": {"description": "d"}}])
    assert [(tool.name, tool.description, tool.parameters) for tool in session.told.tools] == [
        ("roll_dice", "Rolls.", {"type": "object"})
    ]
    update(session, instructions="Name: Mira")
    assert [tool.name for tool in session.told.tools] == ["roll_dice"], "what is not said stays"
    update(session, tools=[])
    assert session.told.tools == ()


@pytest.mark.parametrize(
    "tools",
    ["x", [1], [{"type": "function"}], [{"type": "function", "function": {"name": "a b"}}], [ROLL] * 65,
     [{"type": "function", "function": {"name": "a", "parameters": 3}}]],
)  # fmt: skip
def test_tools_that_are_none_change_nothing(tools: Any) -> None:
    session = manual()
    assert refusal(update(session, tools=tools, instructions="Name: Mira")) == "invalid event format"
    assert session.told.instructions == "Name: Yue"


def test_a_call_is_announced_without_arguments_then_they_come() -> None:
    session = manual()
    response_id = answering(session)
    acts = session.called(response_id, Call("roll_dice", '{"sides": 6}'))
    assert kinds(acts) == [
        "conversation.item.created",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
    ]
    created, delta, done = (act.fields for act in acts if isinstance(act, Send))
    assert (created["item"]["type"], created["item"]["status"]) == ("function_call", "incomplete")
    assert "arguments" not in created["item"]
    assert delta["arguments"] == done["arguments"] == '{"sides": 6}'
    assert "delta" not in delta
    assert (done["name"], done["call_id"]) == ("roll_dice", created["item"]["call_id"])
    assert kinds(session.finished(response_id)) == ["response.done"]


def test_an_answer_to_a_call_is_refused_while_a_response_runs_and_remembered_after_it() -> None:
    session = manual()
    response_id = answering(session)
    session.called(response_id, Call("roll_dice", "{}"))
    call_id = session.items[-1].call_id
    assert refusal(session.receive(output_of(call_id))) == "ongoing response already exists"
    session.finished(response_id)
    assert kinds(session.receive(output_of(call_id))) == ["conversation.item.created"]
    assert (session.items[-1].role, session.items[-1].call_id) == ("tool", call_id)
    assert "Answer" in kinds(session.receive({"type": "response.create"}))


def test_words_before_a_call_are_a_message_of_their_own() -> None:
    session = manual()
    response_id = answering(session)
    session.spoke(response_id, "Let me see.", TONE)
    acts = session.called(response_id, Call("roll_dice", "{}"))
    assert kinds(acts)[:2] == ["response.audio.done", "response.audio_transcript.done"]
    assert kinds(session.finished(response_id)) == ["response.done"]
    assert [item.role for item in session.items] == ["user", "assistant", "call"]


def test_a_session_of_text_only_writes_and_does_not_sound() -> None:
    session = manual()
    [updated] = update(session, modalities=["text"])
    assert isinstance(updated, Send)
    assert updated.fields["session"]["modalities"] == ["text"]
    response_id = answering(session)
    written = session.spoke(response_id, "Likes moss.", TONE)
    ended = session.finished(response_id)
    assert kinds(written)[-1] == "response.text.delta"
    assert "response.audio.delta" not in kinds([*written, *ended])
    done = next(act for act in ended if isinstance(act, Send) and act.kind == "response.text.done")
    assert done.fields["text"] == "Likes moss."
    assert refusal(update(session, modalities=["audio", "smell"])) == "invalid event format"


def test_what_a_session_remembers_has_a_bound_in_text_too() -> None:
    session = manual()
    for _ in range(100):
        session.receive({"type": "conversation.item.create", "item": typed("x" * 100_000)})
    assert sum(len(item.text) for item in session.items) <= ALL_TEXT_LIMIT
    assert {len(item.text) for item in session.items} == {TEXT_LIMIT}
