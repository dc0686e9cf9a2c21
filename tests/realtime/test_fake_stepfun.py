"""The strict StepFun refuses what the service refuses, in its words, and detects speech by the clock of the sound."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from waiting import PATIENCE_S
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from bot.rehearsal.stepfun import FakeStepFun, Misbehaviour, SpokenReply, ToolUse, tone

pytestmark = pytest.mark.shell

SPEECH = tone(600)
VAD = {"type": "server_vad", "prefix_padding_ms": 300, "silence_duration_ms": 300, "energy_awakeness_threshold": 2500}


class Client:
    """Raw JSON, both ways."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.got: list[dict[str, Any]] = []

    async def say(self, kind: str, **fields: Any) -> None:
        await self._socket.send(json.dumps({"event_id": "mine", "type": kind, **fields}))

    async def append(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 960):
            audio = base64.b64encode(pcm[start : start + 960]).decode()
            await self.say("input_audio_buffer.append", audio=audio)

    async def until(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event: dict[str, Any] = json.loads(await self._socket.recv())
                self.got.append(event)
                if event["type"] == kind:
                    return event

    async def refusal(self) -> str:
        return str((await self.until("error"))["error"]["message"])

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.got]


@asynccontextmanager
async def calling(server: FakeStepFun, detection: Any = None) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {server.key}"}
    async with connect(f"{server.url}?model=step-audio-2", additional_headers=headers) as socket:
        client = Client(socket)
        await client.until("session.created")
        await client.say("session.update", session={"instructions": "", "turn_detection": detection})
        await client.until("session.updated")
        yield client


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("?model=step-audio-2", "wrong", 401),
        ("?model=step-audio-2", "", 401),
        ("?model=nobody", "test-key", 400),
        ("", "test-key", 400),
        ("/elsewhere?model=step-audio-2", "test-key", 404),
    ],
)
async def test_the_door_answers_with_http(path: str, key: str, status: int) -> None:
    async with FakeStepFun() as server:
        with pytest.raises(InvalidStatus) as caught:
            await connect(server.url + path, additional_headers={"Authorization": f"Bearer {key}"})
        assert caught.value.response.status_code == status


USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
REFUSALS: list[tuple[str, list[tuple[str, dict[str, Any]]], str]] = [
    ("a commit of nothing", [("input_audio_buffer.commit", {})], "append is not called"),
    ("a response to nothing", [("response.create", {})], "continue_final_message"),
    ("a cancel of nothing", [("response.cancel", {})], "no ongoing response to cancel"),
    ("an unknown item", [("conversation.item.delete", {"item_id": "nobody"})], "cannot find item"),
    ("root", [("conversation.item.create", {"item": USER, "previous_item_id": "root"})], "cannot find previous item"),
    (
        "a function call of ours",
        [("conversation.item.create", {"item": {"type": "function_call", "name": "x"}})],
        "item.type must be message or function_call_output",
    ),
    (
        "assistant sound",
        [("conversation.item.create", {"item": {**USER, "role": "assistant"}})],
        "invalid event format",
    ),
    ("truncation", [("conversation.item.truncate", {"item_id": "x", "audio_end_ms": 1})], "invalid event type"),
    ("sound that is none", [("input_audio_buffer.append", {"audio": "%%%"})], "invalid event format"),
    ("half a sample", [("input_audio_buffer.append", {"audio": "AQID"})], "invalid event format"),
    ("a choice that is an object", [("session.update", {"session": {"tool_choice": {}}})], "invalid event format"),
    (
        "a flat tool",
        [("session.update", {"session": {"tools": [{"type": "function", "name": "x"}]}})],
        "invalid event format",
    ),
    ("a field of another vendor", [("session.update", {"session": {"type": "realtime"}})], "invalid event format"),
    (
        "a threshold that is a probability's",
        [("session.update", {"session": {"turn_detection": {"type": "server_vad", "threshold": 0.5}}})],
        "invalid event format",
    ),
    ("another format", [("session.update", {"session": {"input_audio_format": "g711"}})], "invalid event format"),
    ("an unknown voice", [("session.update", {"session": {"voice": "nobody"}})], "voice nobody is not valid"),
    (
        "two responses at once",
        [("conversation.item.create", {"item": USER}), ("response.create", {}), ("response.create", {})],
        "ongoing response already exists",
    ),
]


@pytest.mark.parametrize(("messages", "words"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
async def test_what_the_service_refuses_is_refused_in_its_words(
    messages: list[tuple[str, dict[str, Any]]], words: str
) -> None:
    slow = FakeStepFun(voices=frozenset({"linjiajiejie"}), thinking_s=0.3)
    async with slow as server, calling(server) as client:
        for kind, fields in messages:
            await client.say(kind, **fields)
        assert words in await client.refusal()
        await client.say("conversation.item.create", item=USER)
        await client.until("conversation.item.created")


async def test_no_json_is_an_error_and_not_the_end() -> None:
    async with FakeStepFun() as server, calling(server) as client:
        await client._socket.send("{")
        assert await client.refusal() == "invalid event format"
        await client.say("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")


async def test_no_id_of_ours_is_echoed() -> None:
    async with FakeStepFun() as server, calling(server) as client:
        await client.say("conversation.item.create", item={**USER, "id": "my-id"})
        created = await client.until("conversation.item.created")
        assert "my-id" not in json.dumps(created)
        assert created["event_id"] != "mine"


async def test_a_commit_is_refused_under_server_vad() -> None:
    async with FakeStepFun() as server, calling(server, VAD) as client:
        await client.append(SPEECH)
        await client.say("input_audio_buffer.commit")
        assert await client.refusal() == "commit when server vad"


async def test_detection_is_on_unless_it_is_switched_off_in_so_many_words() -> None:
    headers = {"Authorization": "Bearer test-key"}
    async with (
        FakeStepFun() as server,
        connect(f"{server.url}?model=step-audio-2", additional_headers=headers) as socket,
    ):
        client = Client(socket)
        await client.append(SPEECH)
        await client.until("input_audio_buffer.speech_started")


async def test_speech_that_just_stops_never_ends() -> None:
    async with FakeStepFun() as server, calling(server, VAD) as client:
        await client.append(SPEECH)
        await client.until("input_audio_buffer.speech_started")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.until("input_audio_buffer.speech_stopped"), 0.2)


async def test_silence_in_the_stream_ends_the_turn_and_brings_the_response() -> None:
    async with FakeStepFun() as server, calling(server, VAD) as client:
        await client.append(bytes(960 * 50) + SPEECH + bytes(960 * 14))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.until("input_audio_buffer.speech_stopped"), 0.2)
        await client.append(bytes(960 * 2))
        stopped = await client.until("input_audio_buffer.speech_stopped")
        assert stopped["audio_end_ms"] == 1000 + 600 + 300
        await client.until("response.done")
        order = [kind for kind in client.types if kind in {"input_audio_buffer.committed", "response.created"}]
        assert order == ["input_audio_buffer.committed", "response.created"]


async def test_the_utterance_is_the_speech_with_its_padding() -> None:
    async with FakeStepFun() as server, calling(server, VAD) as client:
        await client.append(bytes(960 * 50) + SPEECH + bytes(960 * 20))
        await client.until("input_audio_buffer.committed")
        heard = server.talk.history[0].pcm
        assert SPEECH in heard
        assert heard.index(SPEECH) == 960 * 15


async def test_transcripts_are_cumulative_and_repeat() -> None:
    async with FakeStepFun(transcribe=lambda _: "how are you") as server, calling(server) as client:
        await client.append(SPEECH)
        await client.say("input_audio_buffer.commit")
        await client.until("conversation.item.input_audio_transcription.completed")
        deltas = [event["delta"] for event in client.got if event["type"].endswith("transcription.delta")]
        assert deltas == ["how", "how", "how are", "how are", "how are you", "how are you"]


async def test_a_cancelled_response_ends_early_and_remembers_what_it_generated() -> None:
    long = SpokenReply("a very long story", tone(20_000))
    async with FakeStepFun(reply=lambda _: long) as server, calling(server) as client:
        await client.say("conversation.item.create", item=USER)
        await client.say("response.create")
        await client.until("response.audio.delta")
        await client.say("response.cancel")
        done = await client.until("response.done")
        assert done["response"]["status"] == "cancelled"
        assert long.text.startswith(server.talk.history[-1].text)
        assert server.talk.history[-1].text != long.text


async def test_a_tool_call_shows_its_pieces_in_arguments() -> None:
    use = ToolUse("roll_dice", '{"sides": 6}')
    async with FakeStepFun(reply=lambda _: use) as server, calling(server) as client:
        await client.say("conversation.item.create", item=USER)
        await client.say("response.create")
        done = await client.until("response.function_call_arguments.done")
        assert done["arguments"] == use.arguments
        piece = next(event for event in client.got if event["type"] == "response.function_call_arguments.delta")
        assert "delta" not in piece


async def test_the_voice_is_fixed_after_the_first_sound() -> None:
    async with FakeStepFun() as server, calling(server) as client:
        await client.say("session.update", session={"voice": "one"})
        await client.say("conversation.item.create", item=USER)
        await client.say("response.create")
        await client.until("response.done")
        await client.say("session.update", session={"voice": "two"})
        assert "voice cannot be changed" in await client.refusal()


async def test_responses_a_minute_are_limited() -> None:
    async with FakeStepFun(responses_per_minute=1) as server, calling(server) as client:
        await client.say("conversation.item.create", item=USER)
        await client.say("response.create")
        await client.until("response.done")
        await client.say("response.create")
        assert "rate limit" in await client.refusal()


async def test_every_append_is_recorded_with_its_time() -> None:
    async with FakeStepFun() as server, calling(server) as client:
        await client.append(SPEECH)
        await client.say("input_audio_buffer.commit")
        await client.until("input_audio_buffer.committed")
        assert server.talk.sound == SPEECH
        times = [at for at, _ in server.talk.appends]
        assert times == sorted(times)


async def test_several_calls_at_once_do_not_mix() -> None:
    async with FakeStepFun() as server, calling(server) as one, calling(server) as two:
        await one.append(SPEECH)
        await one.say("input_audio_buffer.commit")
        await one.until("input_audio_buffer.committed")
        await two.say("input_audio_buffer.commit")
        assert "append is not called" in await two.refusal()


async def test_speech_ends_the_services_own_response_only_where_it_is_asked_to() -> None:
    long = SpokenReply("a very long story", tone(20_000))
    for cancels in (False, True):
        fake = FakeStepFun(reply=lambda _: long, misbehaviour=Misbehaviour(cancels_itself=cancels))
        async with fake as server, calling(server, VAD) as client:
            await client.say("conversation.item.create", item=USER)
            await client.say("response.create")
            await client.until("response.audio.delta")
            await client.append(SPEECH)
            await client.until("input_audio_buffer.speech_started")
            wanted = "response.done" if cancels else "response.audio.delta"
            await client.until(wanted)


async def test_a_session_of_text_alone_gets_words_under_their_own_names_and_no_sound() -> None:
    async with FakeStepFun() as server, calling(server) as client:
        await client.say("session.update", session={"modalities": ["text"]})
        await client.until("session.updated")
        await client.say("conversation.item.create", item=USER)
        await client.say("response.create")
        await client.until("response.done")
        words = "".join(event["delta"] for event in client.got if event["type"] == "response.text.delta")
        assert words == "I heard: hi"
        assert not any(kind.startswith("response.audio") for kind in client.types)
