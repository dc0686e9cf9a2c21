"""What every dialect must do. It finds the dialects, and their recordings, by itself."""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import ModelFault
from bot.realtime.dialect import Capabilities, ConnectOptions, Dialect
from bot.realtime.dialects import load, names
from bot.realtime.events import (
    Append,
    CancelResponse,
    Clear,
    ClientEvent,
    Commit,
    Configure,
    CreateItem,
    CreateResponse,
    CreateToolOutput,
    DeleteItem,
    Item,
    Malformed,
    ServerEvent,
    SessionConfig,
    ToolSpec,
    TruncateItem,
    TurnMode,
)

pytestmark = [pytest.mark.core, pytest.mark.parametrize("name", names())]

RECORDINGS = Path(__file__).parent / "recordings"
SERVER_EVENTS = typing.get_args(ServerEvent)
EVERY_EVENT: list[ClientEvent] = [
    *(Configure(SessionConfig("Be kind.", turn_mode=mode)) for mode in TurnMode),
    Configure(SessionConfig("", "a-voice", tools=(ToolSpec("t", "d", {"type": "object"}),))),
    Append(bytes(960)),
    Commit(),
    Clear(),
    *(CreateItem(Item(role, "text")) for role in ("user", "system", "assistant")),
    CreateToolOutput("call", "output"),
    DeleteItem("item"),
    TruncateItem("item", 100),
    CreateResponse(),
    CancelResponse(),
]


def connected(name: str) -> Dialect:
    dialect = load(name)
    dialect.connect(ConnectOptions(key="k"))
    return dialect


def recordings(name: str) -> list[str]:
    files = sorted((RECORDINGS / name).glob("*.jsonl"))
    return [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def test_it_bears_the_name_it_is_loaded_by(name: str) -> None:
    assert load(name).name == name


def test_every_load_is_an_instance_of_its_own(name: str) -> None:
    assert load(name) is not load(name)


def test_its_capabilities_make_sense(name: str) -> None:
    capabilities = load(name).capabilities
    assert isinstance(capabilities, Capabilities)
    assert set(capabilities.input_rates_hz) <= {16_000, 24_000, 48_000}
    assert capabilities.input_rates_hz
    assert capabilities.output_rates_hz
    assert capabilities.session_s is None or capabilities.session_s > 60


def test_it_goes_where_it_is_told_with_the_model_and_the_key(name: str) -> None:
    request = load(name).connect(ConnectOptions("wss://model.example/v9", "the-model", "the-key"))
    assert request.url.startswith("wss://model.example/v9")
    assert "the-model" in request.url
    assert "the-key" in str(request.headers)
    assert "the-key" not in request.url + repr(request)


def test_it_knows_an_address_of_its_own(name: str) -> None:
    assert load(name).connect(ConnectOptions()).url.startswith(("ws://127.0.0.1", "wss://"))


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
def test_every_client_event_becomes_json_messages(name: str, event: ClientEvent) -> None:
    for message in connected(name).encode(event):
        assert isinstance(message, str)
        assert isinstance(json.loads(message), dict)


def test_manual_turns_and_the_servers_own_detection_are_told_apart(name: str) -> None:
    manual, server = (connected(name).encode(Configure(SessionConfig("", turn_mode=mode))) for mode in TurnMode)
    assert manual != server


@pytest.mark.parametrize("status", [301, 400, 401, 402, 403, 404, 418, 429, 451, 500, 502, 503, 599])
def test_every_refusal_has_a_fault(name: str, status: int) -> None:
    assert isinstance(load(name).refused(status, "\ufffd" * 100), ModelFault)


def test_a_wrong_key_is_fatal_and_an_overload_is_not(name: str) -> None:
    dialect = load(name)
    assert dialect.refused(401, "").is_fatal
    assert not dialect.refused(429, "").is_fatal
    assert not dialect.refused(503, "").is_fatal


def test_no_recorded_message_is_malformed(name: str) -> None:
    dialect = connected(name)
    for line in recordings(name):
        for event in dialect.decode(line):
            assert isinstance(event, SERVER_EVENTS)
            assert not isinstance(event, Malformed), line


@settings(deadline=None, max_examples=60)
@given(message=st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_noise_is_never_an_exception(name: str, message: str | bytes) -> None:
    for event in connected(name).decode(message):
        assert isinstance(event, SERVER_EVENTS)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_message_with_any_field_bent_is_never_an_exception(name: str, data: st.DataObject) -> None:
    lines = recordings(name) or recordings("stepfun")
    message: dict[str, Any] = json.loads(data.draw(st.sampled_from(lines)))
    target: dict[str, Any] = message
    while True:
        key = data.draw(st.sampled_from(sorted(target)))
        if isinstance(target[key], dict) and target[key] and data.draw(st.booleans()):
            target = target[key]
            continue
        if data.draw(st.booleans()):
            del target[key]
        else:
            target[key] = data.draw(json_values)
        break
    for event in connected(name).decode(json.dumps(message)):
        assert isinstance(event, SERVER_EVENTS)
        for field in ("item_id", "response_id", "text", "message", "name", "status"):
            assert isinstance(getattr(event, field, ""), str)
        assert isinstance(getattr(event, "pcm", b""), bytes)
