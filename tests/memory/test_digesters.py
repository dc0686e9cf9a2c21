"""A digest by URL, and one by the talk's own model: over real sockets, with services that misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from waiting import PATIENCE_S

import bot.model_digest
from bot.errors import ModelError, ModelFault
from bot.memory import chat
from bot.memory.chat import ChatDigester
from bot.memory.digest import Line, Point
from bot.model_digest import ModelDigester
from bot.realtime.dialect import ConnectOptions
from bot.realtime.dialects import load
from bot.realtime.events import ModelEvent, SessionConfig
from bot.realtime.link import ModelLink
from bot.realtime.session import SessionOptions
from bot.rehearsal.stepfun import FakeStepFun, HistoryItem, Misbehaviour, SpokenReply, tone
from bot.storage.memories import Kind

pytestmark = pytest.mark.rehearsal

LINES = [Line("Alice", "I planted moss"), Line(None, "Lovely.")]
MOSS = Point("Alice", Kind.FACT, "Planted moss.")
ANSWER = 'Sure!\n{"about": "Alice", "kind": "fact", "text": "Planted moss."}'

# ---------------------------------------------------------------------------- by URL


@asynccontextmanager
async def service(
    answer: Callable[[dict[str, Any]], web.StreamResponse],
) -> AsyncIterator[tuple[str, list[web.Request]]]:
    requests: list[web.Request] = []

    async def complete(request: web.Request) -> web.StreamResponse:
        requests.append(request)
        return answer(await request.json())

    application = web.Application(client_max_size=2**22)
    application.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}/v1/chat/completions", requests
    finally:
        await runner.cleanup()


def completion(content: Any) -> web.Response:
    return web.json_response({"choices": [{"message": {"role": "assistant", "content": content}}]})


async def test_a_chat_service_is_asked_once_with_its_key_and_its_answer_is_read() -> None:
    asked: list[dict[str, Any]] = []

    def answer(body: dict[str, Any]) -> web.Response:
        asked.append(body)
        return completion(ANSWER)

    async with service(answer) as (url, requests):
        assert await ChatDigester(url, "small", "sesame").digest(LINES, "en") == (MOSS,)
    [body] = asked
    assert body["model"] == "small"
    assert body["messages"][0]["content"].startswith("Task: digest")
    assert json.loads(body["messages"][1]["content"].splitlines()[0]) == {"by": "Alice", "said": "I planted moss"}
    assert requests[0].headers["Authorization"] == "Bearer sesame"


def test_the_key_shows_nowhere() -> None:
    assert "sesame" not in repr(ChatDigester("https://example.org/?token=sesame", "small", "sesame"))


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (lambda _: web.Response(status=401), ModelFault.KEY_REFUSED),
        (lambda _: web.Response(status=429), ModelFault.RATE_LIMITED),
        (lambda _: web.Response(status=500), ModelFault.OVERLOADED),
        (lambda _: web.Response(status=302, headers={"Location": "http://169.254.169.254/"}), ModelFault.BAD_REQUEST),
        (lambda _: web.Response(text="no JSON"), ModelFault.BAD_REQUEST),
        (lambda _: web.json_response({"choices": []}), ModelFault.BAD_REQUEST),
        (lambda _: web.json_response([1]), ModelFault.BAD_REQUEST),
        (lambda _: web.Response(body=b"x" * (chat.ANSWER_LIMIT_BYTES + 1)), ModelFault.BAD_REQUEST),
    ],
)
async def test_what_a_service_does_wrong_is_named(answer: Callable[[Any], web.Response], fault: ModelFault) -> None:
    async with service(answer) as (url, _):
        with pytest.raises(ModelError) as caught:
            await ChatDigester(url, "small").digest(LINES, "en")
    assert caught.value.fault is fault


async def test_an_answer_without_text_has_no_points() -> None:
    async with service(lambda _: completion(None)) as (url, _):
        assert await ChatDigester(url, "small").digest(LINES, "en") == ()


async def test_a_service_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(ModelError) as caught:
        await ChatDigester("http://127.0.0.1:9/v1/chat/completions", "small").digest(LINES, "en")
    assert caught.value.fault is ModelFault.UNREACHABLE


# ---------------------------------------------------------------------------- by the talk's own model


def digester(server: FakeStepFun) -> ModelDigester:
    def open_link(config: SessionConfig, sink: Callable[[ModelEvent], None]) -> ModelLink:
        options = ConnectOptions(server.url, "", server.key)
        return ModelLink(load("stepfun"), options, config, SessionOptions(), sink, chance=lambda: 0.01)

    return ModelDigester(open_link, SessionConfig("Name: Xiao Yue", voice="jingdiannvsheng"))


def says(text: str) -> Callable[[Sequence[HistoryItem]], SpokenReply]:
    return lambda _: SpokenReply(text, tone(200))


async def test_the_talks_own_model_writes_the_digest_in_a_session_of_its_own() -> None:
    async with FakeStepFun(reply=says(ANSWER)) as server:
        assert await digester(server).digest(LINES, "en") == (MOSS,)
        assert server.talk.session["modalities"] == ["text"]
        assert server.talk.session["instructions"].startswith("Task: digest")
        [item] = [item for item in server.talk.history if item.role == "system"]
        assert '"by": "Alice"' in item.text
        assert "response.audio.delta" not in server.talk.sent
        await asyncio.wait_for(server.talk.closed.wait(), PATIENCE_S)
        assert server.talk.errors == []


async def test_a_model_that_cannot_but_speak_is_read_by_its_transcript() -> None:
    async with FakeStepFun(reply=says(ANSWER), misbehaviour=Misbehaviour(insists_on_sound=True)) as server:
        assert await digester(server).digest(LINES, "en") == (MOSS,)
        assert server.talk.errors == ["invalid event format"]
        assert "response.audio.delta" in server.talk.sent


@pytest.mark.parametrize(
    "misbehaviour",
    [
        Misbehaviour(refuse_status=401),
        Misbehaviour(internal_errors=5),
        Misbehaviour(stalls=True),
        Misbehaviour(never_updates=True),
    ],
)
async def test_a_model_that_gives_no_digest_is_given_up(
    misbehaviour: Misbehaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.model_digest, "ANSWER_S", 1.0)
    async with FakeStepFun(reply=says(ANSWER), misbehaviour=misbehaviour) as server:
        with pytest.raises(ModelError):
            await digester(server).digest(LINES, "en")
        assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "written answer"] == []


async def test_whoever_ends_the_call_at_once_leaves_no_session_behind() -> None:
    is_answering = asyncio.Event()

    def at_length(_: Sequence[HistoryItem]) -> SpokenReply:
        is_answering.set()
        return SpokenReply(ANSWER, tone(20_000))

    misbehaviour = Misbehaviour(insists_on_sound=True)
    async with FakeStepFun(reply=at_length, misbehaviour=misbehaviour, speed=1.0) as server:
        running = asyncio.create_task(digester(server).digest(LINES, "en"))
        await asyncio.wait_for(is_answering.wait(), PATIENCE_S)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await asyncio.wait_for(server.talk.closed.wait(), PATIENCE_S)
