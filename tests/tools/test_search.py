"""The operator's search: what it is asked, and what of its answer reaches the model."""

from __future__ import annotations

import json
from typing import Any

import pytest
import structlog
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from tool_rooms import NOW, asked, room

from bot.tools.guarded_http import GuardedHttp
from bot.tools.search import RESULTS, Search, results_in
from bot.tools.toolbox import ANSWER_BYTES, Toolbox

pytestmark = pytest.mark.rehearsal


async def answered(document: str, key: str | None = None) -> tuple[dict[str, Any], list[web.Request]]:
    """What the model is told when a search on the loopback answers so, and what that search was asked."""
    requests: list[web.Request] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        requests.append(request)
        return web.Response(text=document)

    app = web.Application()
    app.router.add_get("/search", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/search?language=en"
        search = Search(url, SecretStr(key) if key else None)
        box = Toolbox(None, search, lambda: NOW)
        return await asked("web_search", {"query": "moss & ferns?"}, room(web_search=True), box=box), requests
    finally:
        await runner.cleanup()


def document(*results: Any) -> str:
    return json.dumps({"query": "moss", "results": list(results)})


MOSS = {"title": "Moss\u202e", "url": "https://moss.example/a", "content": "Mosses are\n\nsmall plants.", "score": 3}


async def test_the_first_results_are_told_short_and_cleaned() -> None:
    told, [request] = await answered(document(MOSS))
    assert told["results"] == [{"title": "Moss", "site": "moss.example", "text": "Mosses are small plants."}]
    assert dict(request.query) == {"language": "en", "q": "moss & ferns?", "format": "json"}
    assert "Authorization" not in request.headers


async def test_the_key_is_sent_as_a_bearer_token_and_never_told() -> None:
    told, [request] = await answered(document(MOSS), key="canary-key")
    assert request.headers["Authorization"] == "Bearer canary-key"
    assert "canary" not in json.dumps(told)


async def test_pages_of_any_length_fit_an_answer() -> None:
    told, _ = await answered(document(*[{**MOSS, "content": "苔藓" * 1_000, "title": "长" * 900}] * 40))
    assert 1 <= len(told["results"]) <= RESULTS
    assert len(json.dumps(told, ensure_ascii=False).encode()) <= ANSWER_BYTES


async def test_nothing_found_is_said_so_that_nothing_is_made_up() -> None:
    told, _ = await answered(document())
    assert "do not make it up" in told["note"]


@pytest.mark.parametrize("body", ["", "<html>", "[" * 100_000, '{"results": NaN'])
async def test_what_is_no_json_is_no_answer(body: str) -> None:
    with structlog.testing.capture_logs() as lines:
        told, _ = await answered(body)
    assert "could not look it up" in told["error"]
    assert "moss" not in str(lines)


async def test_a_search_that_is_not_there_is_no_answer() -> None:
    box = Toolbox(None, Search("http://127.0.0.1:9/search", http=GuardedHttp()), lambda: NOW)
    told = await asked("web_search", {"query": "moss"}, room(web_search=True), box=box)
    assert "could not look it up" in told["error"]


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=300)
ENTRIES = st.dictionaries(st.sampled_from(["title", "url", "content", "x"]), LEAVES, max_size=4)


@given(
    LEAVES | st.lists(LEAVES) | st.dictionaries(st.sampled_from(["results", "x"]), st.lists(ENTRIES | LEAVES) | LEAVES)
)
@settings(deadline=None, max_examples=150)
def test_whatever_a_search_answers_becomes_a_few_short_results(found: Any) -> None:
    results = results_in(found)
    assert len(results) <= RESULTS
    assert all(len(value) <= 260 and value.isprintable() for one in results for value in one.values())
