"""The local model over a real socket: with the parts that ship, and with services in their place."""

import asyncio
import base64
import contextlib
import io
import json
import os
import signal
import wave
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from waiting import PATIENCE_S
from websockets.asyncio.client import ClientConnection, connect

from bot.local.__main__ import open_parts
from bot.local.launch import LocalModel
from bot.local.server import serve_local
from bot.local.speech import synthesise
from bot.settings import Settings, load_settings

pytestmark = pytest.mark.shell

INSTRUCTIONS = "Name: Yue\nLanguage: en\nManner: witty\n"


class Caller:
    """A client of the dialect, as bare as can be."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[dict[str, Any]] = []

    async def say(self, kind: str, **fields: object) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def until(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = json.loads(await self.socket.recv())
                self.seen.append(event)
                if event["type"] == kind:
                    return dict(event)

    async def open(self, detection: dict[str, Any] | None = None, voice: str = "en-us+f3") -> None:
        await self.until("session.created")
        await self.say(
            "session.update", session={"turn_detection": detection, "instructions": INSTRUCTIONS, "voice": voice}
        )
        await self.until("session.updated")

    async def type(self, text: str, name: str = "Alice") -> None:
        part = [{"type": "input_text", "text": f"[{name}] types: {text}"}]
        await self.say("conversation.item.create", item={"type": "message", "role": "user", "content": part})
        await self.say("response.create")

    async def tell(self, call: dict[str, Any], **answer: Any) -> None:
        """The tool's answer, and the request to go on."""
        item = {"type": "function_call_output", "call_id": call["call_id"], "output": json.dumps(answer)}
        await self.say("conversation.item.create", item=item)
        await self.say("response.create")

    async def utter(self, text: str, name: str = "Alice") -> None:
        part = [{"type": "input_text", "text": f"[{name}] speaks:"}]
        await self.say("conversation.item.create", item={"type": "message", "role": "user", "content": part})
        await self.append(synthesise(text, "en-us+f3").tobytes() + bytes(9600))

    async def append(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 9600):
            audio = base64.b64encode(pcm[start : start + 9600]).decode()
            await self.say("input_audio_buffer.append", audio=audio)

    def sound(self) -> bytes:
        return b"".join(
            base64.b64decode(event["delta"]) for event in self.seen if event["type"] == "response.audio.delta"
        )

    def words(self) -> str:
        return "".join(
            event["delta"] for event in self.seen if event["type"] == "response.audio_transcript.delta"
        ).strip()


@contextlib.asynccontextmanager
async def caller(url: str) -> AsyncIterator[Caller]:
    async with connect(url) as socket:
        yield Caller(socket)


@contextlib.asynccontextmanager
async def model(**settings: object) -> AsyncIterator[str]:
    async with open_parts(load_settings(**settings)) as parts, serve_local(parts) as url:
        yield url


async def test_a_spoken_question_is_answered_aloud_by_name() -> None:
    async with model() as url, caller(url) as alice:
        await alice.open()
        await alice.utter("What is your name?")
        await alice.say("input_audio_buffer.commit")
        await alice.say("response.create")
        kind = "conversation.item.input_audio_transcription.completed"
        assert (await alice.until(kind))["transcript"].lower().startswith("what is your name")
        done = await alice.until("response.done")
        assert done["response"]["status"] == "completed"
        assert "Yue" in alice.words()
        assert "Alice" in alice.words()
        assert len(alice.sound()) > 24_000


async def test_the_models_own_detection_answers_after_silence() -> None:
    async with model() as url, caller(url) as alice:
        await alice.open({"type": "server_vad", "silence_duration_ms": 300})
        await alice.utter("Tell me a joke.")
        await alice.append(bytes(48_000))
        await alice.until("input_audio_buffer.speech_started")
        await alice.until("input_audio_buffer.speech_stopped")
        await alice.until("response.done")
        assert "Alice" in alice.words()


async def test_a_cancel_stops_a_story_and_the_next_question_is_answered() -> None:
    async with model() as url, caller(url) as alice:
        await alice.open()
        typed = [{"type": "input_text", "text": "[Alice] types: tell me a story"}]
        item = {"type": "message", "role": "user", "content": typed}
        await alice.say("conversation.item.create", item=item)
        await alice.say("response.create")
        await alice.until("response.audio.delta")
        await alice.say("response.cancel")
        assert (await alice.until("response.done"))["response"]["status"] == "cancelled"
        told = len(alice.sound())
        await alice.say(
            "conversation.item.create",
            item={**item, "content": [{"type": "input_text", "text": "[Alice] types: stop"}]},
        )
        await alice.say("response.create")
        await alice.until("response.done")
        assert len(alice.sound()) > told
        cancelled, answered = [event["response"]["id"] for event in alice.seen if event["type"] == "response.created"]
        since = alice.seen[[event["type"] for event in alice.seen].index("response.done") :]
        late = {event["response_id"] for event in since if event["type"] == "response.audio.delta"}
        assert late == {answered}
        assert cancelled != answered


async def test_two_talks_at_once_do_not_hear_each_other() -> None:
    async with model() as url, caller(url) as alice, caller(url) as ben:
        await asyncio.gather(alice.open(), ben.open())
        for one, name, text in ((alice, "Alice", "what is my name"), (ben, "Ben", "what is my name")):
            content = [{"type": "input_text", "text": f"[{name}] types: {text}"}]
            await one.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
            await one.say("response.create")
        await asyncio.gather(alice.until("response.done"), ben.until("response.done"))
        assert "Alice" in alice.words()
        assert "Ben" not in alice.words()
        assert "Ben" in ben.words()


async def test_malformed_messages_are_answered_with_errors_and_the_talk_goes_on() -> None:
    async with model() as url, caller(url) as alice:
        await alice.open()
        for message in ("{", "[]", '{"type": 7}', '{"type":"input_audio_buffer.append","audio":"%"}', b"\x00\xff"):
            await alice.socket.send(message)
            assert (await alice.until("error"))["error"]["type"] == "invalid_request_error"
        await alice.utter("Hello there.")
        await alice.say("input_audio_buffer.commit")
        await alice.say("response.create")
        assert (await alice.until("response.done"))["response"]["status"] == "completed"


async def test_the_process_tells_its_address_answers_and_ends_with_its_parent() -> None:
    async with LocalModel() as local:
        async with caller(local.url) as alice:
            await alice.open()
        assert local.pid is not None
        process = local._process
    assert process is not None
    assert process.returncode == 0


async def test_a_process_outlives_the_signals_that_end_the_bot_until_its_parent_is_gone() -> None:
    async with LocalModel() as process:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGTERM)
        os.kill(process.pid, signal.SIGINT)
        async with caller(process.url) as alice:
            await alice.open()
        assert process.restarts == 0


async def test_more_utterances_than_can_be_heard_at_once_wait_and_none_is_lost() -> None:
    async with model() as url, caller(url) as alice:
        await alice.open()
        sound = base64.b64encode(synthesise("Tell me a joke.", "en-us+f3").tobytes()).decode()
        for _ in range(12):
            await alice.say("input_audio_buffer.append", audio=sound)
            await alice.say("input_audio_buffer.commit")
        kind = "conversation.item.input_audio_transcription.completed"
        heard = [await alice.until(kind) for _ in range(12)]
        committed = [event["item_id"] for event in alice.seen if event["type"] == "input_audio_buffer.committed"]
        assert [event["item_id"] for event in heard] == committed
        assert {event["transcript"] for event in heard} == {"Tell me a joke."}


async def test_a_riddles_answer_is_heard_once_it_was_asked() -> None:
    async with model() as url, caller(url) as alice:
        await alice.open()
        typed = [{"type": "input_text", "text": "[Alice] types: tell me a riddle"}]
        await alice.say("conversation.item.create", item={"type": "message", "role": "user", "content": typed})
        await alice.say("response.create")
        await alice.until("response.done")
        await alice.utter("Is it an umbrella?")
        await alice.say("input_audio_buffer.commit")
        kind = "conversation.item.input_audio_transcription.completed"
        assert (await alice.until(kind))["transcript"] == "Is it an umbrella?"


async def test_a_voice_that_espeak_lacks_is_refused_in_the_services_words() -> None:
    async with model() as url, caller(url) as alice:
        await alice.until("session.created")
        await alice.say("session.update", session={"voice": "en-xx"})
        assert "voice en-xx is not valid" in (await alice.until("error"))["error"]["message"]
        assert all(event["event_id"] for event in alice.seen)


async def test_a_process_that_dies_is_started_again_at_the_same_address() -> None:
    async with LocalModel() as local:
        url = local.url
        assert local.pid is not None
        os.kill(local.pid, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            while not local.restarts or local._process is None or local._process.returncode is not None:  # noqa: ASYNC110 -- the watch tells nobody
                await asyncio.sleep(0.05)
            while True:
                with contextlib.suppress(OSError):
                    async with caller(url) as alice:
                        await alice.open()
                        break
                await asyncio.sleep(0.05)
        assert local.url == url


def _head_of(part: object) -> bytes:
    assert isinstance(part, web.FileField)
    return part.file.read(4)


class Services:
    """What an OpenAI-compatible provider answers, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any, str]] = []
        self.offered: Any = None
        self.messages: list[dict[str, Any]] = []
        """What the chat answers first, one after the other."""
        self.status = 200

    async def transcribe(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.asked.append(("transcribe", _head_of(form["file"]), request.headers.get("Authorization", "")))
        return web.json_response({"text": "你好"}, status=self.status)

    async def chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(("chat", body["messages"], request.headers.get("Authorization", "")))
        self.offered = body.get("tools")
        message = self.messages.pop(0) if self.messages else {"content": "Fine. And you?"}
        return web.json_response({"choices": [{"message": message}]}, status=self.status)

    async def speak(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(("speak", body["input"], request.headers.get("Authorization", "")))
        made = io.BytesIO()
        with wave.open(made, "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(48_000)
            file.writeframes(b"\x10\x00\x10\x00" * 24_000)
        return web.Response(body=made.getvalue(), content_type="audio/wav", status=self.status)


@contextlib.asynccontextmanager
async def provider() -> AsyncIterator[tuple[Services, str]]:
    services = Services()
    application = web.Application()
    application.router.add_post("/v1/audio/transcriptions", services.transcribe)
    application.router.add_post("/v1/chat/completions", services.chat)
    application.router.add_post("/v1/audio/speech", services.speak)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield services, f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def service_settings(base: str) -> dict[str, object]:
    return {
        "kith_transcription_url": f"{base}/audio/transcriptions",
        "kith_transcription_key": "k1",
        "kith_chat_url": f"{base}/chat/completions",
        "kith_chat_key": "k2",
        "kith_speech_url": f"{base}/audio/speech",
        "kith_speech_key": "k3",
    }


async def test_each_part_can_be_a_service_and_gets_its_own_key() -> None:
    async with provider() as (services, base), model(**service_settings(base)) as url, caller(url) as alice:
        await alice.open()
        await alice.utter("whatever")
        await alice.say("input_audio_buffer.commit")
        await alice.say("response.create")
        await alice.until("response.done")
        assert [(part, key) for part, _, key in services.asked] == [
            ("transcribe", "Bearer k1"),
            ("chat", "Bearer k2"),
            ("speak", "Bearer k3"),
            ("speak", "Bearer k3"),
        ]
        assert services.asked[0][1] == b"RIFF"
        messages = services.asked[1][1]
        assert messages[0] == {"role": "system", "content": INSTRUCTIONS}
        assert messages[-1] == {"role": "user", "content": "你好"}
        assert alice.words() == "Fine. And you?"
        assert len(alice.sound()) == pytest.approx(2 * 24_000, abs=200)


REMEMBER = {
    "type": "function",
    "function": {"name": "remember", "description": "Keep it.", "parameters": {"type": "object", "properties": {}}},
}
CALLED = "response.function_call_arguments.done"


async def test_the_small_brain_calls_a_tool_and_says_what_came_of_it() -> None:
    async with model() as url, caller(url) as alice:
        await alice.open()
        await alice.say("session.update", session={"tools": [REMEMBER]})
        await alice.utter("Remember that I like green tea.")
        await alice.say("input_audio_buffer.commit")
        await alice.say("response.create")
        call = await alice.until(CALLED)
        assert json.loads(call["arguments"]) == {"about": "me", "text": "Likes green tea.", "kind": "preference"}
        await alice.until("response.done")
        assert not alice.words()
        await alice.tell(call, result="Kept. Mention lightly that you will remember it.")
        await alice.until("response.done")
        assert "Alice" in alice.words()
        assert alice.sound()


async def test_a_session_of_text_only_is_answered_without_sound() -> None:
    async with model() as url, caller(url) as host:
        await host.open()
        await host.say("session.update", session={"modalities": ["text"], "instructions": "Task: digest\nAs JSON."})
        part = [{"type": "input_text", "text": '{"by": "Alice", "said": "I like moss."}'}]
        await host.say("conversation.item.create", item={"type": "message", "role": "system", "content": part})
        await host.say("response.create")
        text = (await host.until("response.text.done"))["text"]
        assert (await host.until("response.done"))["response"]["status"] == "completed"
        assert json.loads(text.splitlines()[0])["text"] == "Likes moss."
        assert not host.sound()


async def test_a_chat_service_is_offered_the_tools_and_told_their_answers() -> None:
    async with provider() as (services, base), model(**service_settings(base)) as url, caller(url) as alice:
        function = {"name": "remember", "arguments": '{"text": "Likes moss."}'}
        services.messages = [
            {"content": None, "tool_calls": [{"id": "x", "type": "function", "function": function}]},
            {"content": "Moss it is."},
        ]
        await alice.open()
        await alice.say("session.update", session={"tools": [REMEMBER]})
        await alice.type("I like moss.")
        call = await alice.until(CALLED)
        assert services.offered == [REMEMBER]
        assert (call["name"], call["arguments"]) == ("remember", '{"text": "Likes moss."}')
        await alice.until("response.done")
        await alice.tell(call, result="Kept.")
        await alice.until("response.done")
        [_, said, called, told] = [messages for part, messages, _ in services.asked if part == "chat"][-1]
        assert said["role"] == "user"
        assert called["tool_calls"][0] == {"id": call["call_id"], "type": "function", "function": function}
        assert told == {"role": "tool", "tool_call_id": call["call_id"], "content": '{"result": "Kept."}'}
        assert alice.words() == "Moss it is."


async def test_calls_of_tools_that_nobody_offered_fail_the_response() -> None:
    async with provider() as (services, base), model(**service_settings(base)) as url, caller(url) as alice:
        long = {"function": {"name": "remember", "arguments": "x" * 10_000}}
        unknown = {"function": {"name": "launch", "arguments": "{}"}}
        services.messages = [{"tool_calls": [unknown, long]}, {"tool_calls": [{"function": 7}]}, {"tool_calls": "x"}]
        await alice.open()
        await alice.say("session.update", session={"tools": [REMEMBER]})
        for _ in range(3):
            await alice.type("Hello.")
            assert (await alice.until("response.done"))["response"]["status"] == "failed"
        assert CALLED not in {event["type"] for event in alice.seen}


async def test_a_service_that_refuses_fails_the_response_and_not_the_talk() -> None:
    async with provider() as (services, base), model(**service_settings(base)) as url, caller(url) as alice:
        services.status = 500
        await alice.open()
        for _ in range(2):
            await alice.utter("whatever")
            await alice.say("input_audio_buffer.commit")
            await alice.say("response.create")
            assert (await alice.until("response.done"))["response"]["status"] == "failed"


def test_keys_of_services_stay_out_of_what_is_shown() -> None:
    settings: Settings = load_settings(kith_chat_key="very-secret")
    assert "very-secret" not in repr(settings)
