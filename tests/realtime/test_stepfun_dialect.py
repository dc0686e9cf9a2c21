"""StepFun's spelling: what goes over the wire, literally, and what its messages mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.errors import ModelFault
from bot.realtime.dialect import MESSAGE_LIMIT_BYTES, ConnectOptions
from bot.realtime.dialects import load
from bot.realtime.events import (
    Append,
    AudioDelta,
    CancelResponse,
    Clear,
    Commit,
    Configure,
    CreateItem,
    CreateResponse,
    CreateToolOutput,
    DeleteItem,
    ErrorKind,
    FunctionCalled,
    Ignored,
    InputTranscript,
    Item,
    Malformed,
    ProviderError,
    ResponseCreated,
    ResponseDone,
    SessionConfig,
    SessionUpdated,
    ToolSpec,
    TranscriptDelta,
    TranscriptDone,
    TurnMode,
)

pytestmark = pytest.mark.core
RECORDINGS = Path(__file__).parent / "recordings" / "stepfun"
DICE = ToolSpec("roll_dice", "Rolls dice.", {"type": "object", "properties": {"sides": {"type": "integer"}}})


def session_of(config: SessionConfig, *, model: str = "", url: str = "") -> dict[str, Any]:
    dialect = load("stepfun")
    dialect.connect(ConnectOptions(url, model))
    [message] = dialect.encode(Configure(config))
    session: dict[str, Any] = json.loads(message)["session"]
    return session


def decode(message: dict[str, Any]) -> Any:
    [event] = load("stepfun").decode(json.dumps(message))
    return event


def recorded(name: str) -> list[Any]:
    lines = (RECORDINGS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [event for line in lines for event in load("stepfun").decode(line)]


# ---------------------------------------------------------------------------- the upgrade


def test_the_model_is_in_the_address_and_the_key_in_a_header() -> None:
    request = load("stepfun").connect(ConnectOptions("", "", SecretStr("secret-key")))
    assert request.url == "wss://api.stepfun.com/v1/realtime?model=stepaudio-2.5-realtime"
    assert request.headers == {"Authorization": "Bearer secret-key"}


def test_an_address_keeps_its_own_query_and_path() -> None:
    options = ConnectOptions("wss://api.stepfun.com/step_plan/v1/realtime?x=1&model=old", "step-audio-2", "k")
    assert load("stepfun").connect(options).url == "wss://api.stepfun.com/step_plan/v1/realtime?x=1&model=step-audio-2"


def test_http_addresses_become_websocket_addresses() -> None:
    assert load("stepfun").connect(ConnectOptions("http://127.0.0.1:9/v1", "m")).url == "ws://127.0.0.1:9/v1?model=m"


def test_no_representation_shows_the_key() -> None:
    options = ConnectOptions("", "", "secret-key")
    assert "secret-key" not in repr(options) + repr(load("stepfun").connect(options))


def test_the_local_model_needs_no_key() -> None:
    assert load("local").connect(ConnectOptions("ws://127.0.0.1:5000", "local")).headers == {}


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (400, ModelFault.BAD_REQUEST),
        (401, ModelFault.KEY_REFUSED),
        (402, ModelFault.NO_BALANCE),
        (403, ModelFault.KEY_REFUSED),
        (404, ModelFault.NOT_FOUND),
        (429, ModelFault.RATE_LIMITED),
        (451, ModelFault.MODERATED),
        (500, ModelFault.OVERLOADED),
        (503, ModelFault.OVERLOADED),
    ],
)
def test_a_refused_upgrade_has_a_reason(status: int, fault: ModelFault) -> None:
    assert load("stepfun").refused(status, "") is fault


def test_a_rate_limit_that_is_a_spent_quota_is_no_balance() -> None:
    assert load("stepfun").refused(429, '{"error":{"code":"insufficient_quota"}}') is ModelFault.NO_BALANCE


# ---------------------------------------------------------------------------- what we say


def test_manual_turns_are_literally_turn_detection_null() -> None:
    [message] = load("stepfun").encode(Configure(SessionConfig("Be kind.")))
    assert '"turn_detection":null' in message


def test_server_vad_says_every_field_of_the_detection() -> None:
    detection = session_of(SessionConfig("", turn_mode=TurnMode.SERVER_VAD))["turn_detection"]
    assert detection["type"] == "server_vad"
    assert set(detection) == {"type", "prefix_padding_ms", "silence_duration_ms", "energy_awakeness_threshold"}


def test_the_session_is_flat_and_speaks_pcm16() -> None:
    session = session_of(SessionConfig("Be kind.", voice="jingdiannvsheng"))
    assert session == {
        "modalities": ["text", "audio"],
        "instructions": "Be kind.",
        "voice": "jingdiannvsheng",
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "turn_detection": None,
    }


def test_a_session_of_text_alone_says_so_and_its_words_are_marked_as_written() -> None:
    assert session_of(SessionConfig("", is_text_only=True))["modalities"] == ["text"]
    written = [event for event in recorded("quiet") if isinstance(event, (TranscriptDelta, TranscriptDone))]
    assert [(event.text, event.is_written) for event in written] == [("Fi", True), ("Fine.", True)]


def test_tools_are_nested_and_the_choice_is_a_word() -> None:
    session = session_of(SessionConfig("", tools=(DICE,)))
    assert session["tool_choice"] == "auto"
    assert session["tools"][0]["function"]["name"] == "roll_dice"
    assert session["tools"][0]["type"] == "function"


def test_tools_can_be_taken_away_again() -> None:
    dialect = load("stepfun")
    dialect.connect(ConnectOptions())
    dialect.encode(Configure(SessionConfig("", tools=(DICE,))))
    [message] = dialect.encode(Configure(SessionConfig("")))
    assert json.loads(message)["session"]["tools"] == []


@pytest.mark.parametrize(
    ("wanted", "model", "url", "voice"),
    [
        (None, "", "", "linjiajiejie"),
        ("a-cloned-voice", "", "", "a-cloned-voice"),
        ("lively-girl", "", "", "yuanqishaonv"),
        ("yuanqishaonv", "", "wss://api.stepfun.ai/v1/realtime", "lively-girl"),
        (None, "", "wss://api.stepfun.ai/v1/realtime", "lively-girl"),
        (None, "step-audio-2", "", "qingchunshaonv"),
        ("wenrounansheng", "step-audio-2-mini", "", "wenrounansheng"),
        ("linjiajiejie", "step-audio-2-mini", "", "qingchunshaonv"),
    ],
)
def test_a_voice_fits_the_model_and_the_region(wanted: str | None, model: str, url: str, voice: str) -> None:
    assert session_of(SessionConfig("", voice=wanted), model=model, url=url)["voice"] == voice


@pytest.mark.parametrize(
    ("voice", "ending"),
    [("qingchunshaonv", "请使用默认女声与用户交流"), ("wenrounansheng", "请使用默认男声与用户交流")],
)
def test_step_audio_2_mini_is_told_its_voice_in_the_last_sentence(voice: str, ending: str) -> None:
    instructions = session_of(SessionConfig("Be kind.", voice=voice), model="step-audio-2-mini")["instructions"]
    assert instructions.startswith("Be kind.")
    assert instructions.endswith(ending)


def test_other_models_are_told_nothing_more() -> None:
    assert session_of(SessionConfig("Be kind."), model="step-audio-2")["instructions"] == "Be kind."


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (Append(b"\x01\x02\x03\x04"), {"type": "input_audio_buffer.append", "audio": "AQIDBA=="}),
        (Commit(), {"type": "input_audio_buffer.commit"}),
        (Clear(), {"type": "input_audio_buffer.clear"}),
        (CreateResponse(), {"type": "response.create"}),
        (CancelResponse(), {"type": "response.cancel"}),
        (DeleteItem("item_1"), {"type": "conversation.item.delete", "item_id": "item_1"}),
        (
            CreateToolOutput("call_1", "4"),
            {
                "type": "conversation.item.create",
                "item": {"type": "function_call_output", "call_id": "call_1", "output": "4"},
            },
        ),
        (
            CreateItem(Item("user", 'a "quoted" 名')),
            {
                "type": "conversation.item.create",
                "item": {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": 'a "quoted" 名'}],
                },
            },
        ),
        (
            CreateItem(Item("assistant", "Hello")),
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello"}]},
            },
        ),
    ],
)
def test_every_client_event_has_its_message_and_no_id_of_ours(event: Any, message: dict[str, Any]) -> None:
    assert [json.loads(said) for said in load("stepfun").encode(event)] == [message]


# ---------------------------------------------------------------------------- what it says


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("opening", "SessionCreated SessionUpdated SessionUpdated"),
        (
            "manual_turn",
            "Cleared ItemCreated Committed ItemCreated ResponseCreated InputTranscript InputTranscript InputTranscript "
            "Ignored ItemCreated Ignored TranscriptDelta AudioDelta AudioDone TranscriptDone Ignored Ignored ResponseDone",
        ),
        ("server_vad", "SpeechStarted SpeechStopped Committed ResponseCreated ResponseDone"),
        ("mislabelled", "ResponseCreated AudioDelta ResponseDone ResponseDone SpeechStopped"),
        ("tools", "ItemCreated Ignored FunctionCalled"),
        ("quiet", "Ignored Ignored TranscriptDelta TranscriptDone Ignored Ignored ItemDeleted"),
    ],
)
def test_recorded_messages_mean_what_they_should(name: str, meaning: str) -> None:
    assert [type(event).__name__ for event in recorded(name)] == meaning.split()


def test_recorded_errors_are_known_by_their_wording() -> None:
    assert [event.kind for event in recorded("errors")] == [
        ErrorKind.BUSY,
        ErrorKind.NOTHING_TO_CANCEL,
        ErrorKind.NOTHING_TO_CANCEL,
        ErrorKind.SERVER_VAD_ON,
        ErrorKind.UNSUPPORTED,
        ErrorKind.UNKNOWN_ITEM,
        ErrorKind.UNSUPPORTED,
        ErrorKind.EMPTY_CONVERSATION,
        ErrorKind.NOTHING_TO_COMMIT,
        ErrorKind.VOICE_REFUSED,
        ErrorKind.TRANSIENT,
        ErrorKind.BUSY,
        ErrorKind.NOTHING_TO_COMMIT,
    ]


def test_an_update_tells_whether_detection_is_on_if_it_says_so() -> None:
    assert [event.turn_detection_on for event in recorded("opening")[1:]] == [False, True]
    assert decode({"type": "session.updated", "session": {}}) == SessionUpdated(None)


def test_transcription_deltas_are_the_whole_text_so_far() -> None:
    pieces = [event for event in recorded("manual_turn") if isinstance(event, InputTranscript)]
    assert [(piece.text, piece.is_final) for piece in pieces] == [
        ("how", False),
        ("how are", False),
        ("how are you", True),
    ]


def test_audio_is_decoded_on_the_way() -> None:
    [delta] = [event for event in recorded("manual_turn") if isinstance(event, AudioDelta)]
    assert delta == AudioDelta("resp_1", "item_2", bytes(range(200)))


def test_a_done_that_is_in_progress_is_a_beginning() -> None:
    assert recorded("mislabelled")[0] == ResponseCreated("resp_1")


def test_a_cancelled_response_may_say_so_in_either_event() -> None:
    assert recorded("mislabelled")[2] == ResponseDone("resp_1", "cancelled")
    assert recorded("server_vad")[4].status == "cancelled"


def test_a_failed_response_carries_the_reason() -> None:
    assert recorded("mislabelled")[3].detail == "internal error"


def test_usage_is_passed_on_if_there_is_any() -> None:
    done = decode(
        {"type": "response.done", "response": {"id": "r", "status": "completed", "usage": {"total_tokens": 7}}}
    )
    assert done.usage == {"total_tokens": 7}


def test_a_tool_call_waits_for_all_of_its_arguments() -> None:
    [call] = [event for event in recorded("tools") if isinstance(event, FunctionCalled)]
    assert call == FunctionCalled("call_1", "roll_dice", '{"sides": 6}')


def test_a_digit_in_an_id_is_no_rate_limit() -> None:
    event = decode({"type": "error", "error": {"message": "cannot find item item_429"}})
    assert event.kind is ErrorKind.UNKNOWN_ITEM


def test_an_error_says_nothing_that_could_be_a_secret() -> None:
    event = decode(
        {"type": "error", "error": {"message": "incorrect api key sk-0123456789abcdef0123456789\n" + "x" * 999}}
    )
    assert isinstance(event, ProviderError)
    assert event.fault is ModelFault.KEY_REFUSED
    assert "0123456789" not in event.message
    assert len(event.message) <= 160
    assert event.message.isprintable()


@pytest.mark.parametrize(
    "message",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"type":null}',
        '{"type":"response.audio.delta"}',
        '{"type":"response.audio.delta","delta":"%%%"}',
        '{"type":"response.audio.delta","delta":"AQI"}',
        '{"type":"response.audio.delta","delta":"é"}',
        '{"type":"session.created","session":"no"}',
        '{"type":"response.done","response":[]}',
        '{"type":"response.audio.delta","delta":"AQ',
        "[" * 100_000,
        '{"type":"session.created","session":' + "[" * 100_000,
        "\ud800",
        b"\xff\xfe",
    ],
)
def test_what_the_protocol_does_not_allow_is_malformed(message: str | bytes) -> None:
    [event] = load("stepfun").decode(message)
    assert isinstance(event, Malformed)


def test_a_message_over_the_limit_is_not_even_parsed() -> None:
    [event] = load("stepfun").decode('{"type":"x","a":"' + "a" * MESSAGE_LIMIT_BYTES + '"}')
    assert event == Malformed("a message over the size limit")


def test_an_unknown_event_is_ignored_by_its_name() -> None:
    assert decode({"type": "response.something.new", "item_id": 7}) == Ignored("response.something.new")


def test_bytes_are_read_as_text() -> None:
    [event] = load("stepfun").decode(b'{"type":"input_audio_buffer.committed","item_id":"i"}')
    assert event.item_id == "i"  # type: ignore[union-attr]
