"""What the model is offered, by persona, server and memory; and that every call is answered, in time and in bounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest
import structlog
from memory_of_call import FakeMemory
from tool_rooms import NOW, asked, call, persona, room

from bot.personas.persona import ToolName
from bot.storage.guilds import GuildSettings, MemoryMode
from bot.telemetry import log
from bot.tools import toolbox
from bot.tools.reminding import set_timer
from bot.tools.search import BUILT_IN
from bot.tools.tool import Answer, Errand, tool
from bot.tools.toolbox import ANSWER_BYTES, TOOLS, Toolbox, fitted

pytestmark = pytest.mark.shell

PLAIN = GuildSettings(guild_id=1)
SEARCHING = GuildSettings(guild_id=1, web_search=True)


class NoReminders:
    async def set(self, *given: object) -> object:
        raise AssertionError("nobody may set one here")


class OneResult:
    async def find(self, query: str) -> tuple[Mapping[str, str], ...]:
        return ({"title": query, "site": "example.org", "text": "moss is a plant"},)


FULL = Toolbox(NoReminders(), OneResult(), lambda: NOW)


def offered(box: Toolbox = FULL, settings: GuildSettings = SEARCHING, *who: ToolName, memory: bool = True) -> set[str]:
    return {spec.name for spec in box.specs(persona(*who), settings, has_memory=memory)}


# ---------------------------------------------------------------------------- what is offered


def test_a_persona_that_may_use_everything_is_offered_everything_where_the_server_allows_it() -> None:
    assert offered() == set(TOOLS)


@pytest.mark.parametrize(
    ("permission", "names"),
    [
        (ToolName.RECALL, {"recall", "let_rest"}),
        (ToolName.REMEMBER, {"remember"}),
        (ToolName.DICE, {"roll_dice"}),
        (ToolName.TIME, {"current_time"}),
        (ToolName.REMINDERS, {"set_timer", "set_reminder"}),
        (ToolName.SEARCH, {"web_search"}),
    ],
)
def test_a_persona_is_offered_what_its_file_names(permission: ToolName, names: set[str]) -> None:
    assert offered(FULL, SEARCHING, permission) == names


def test_a_persona_without_tools_is_offered_none() -> None:
    nobody = persona().model_copy(update={"tools": ()})
    assert FULL.specs(nobody, SEARCHING, has_memory=True, has_built_in_search=True) == ()


def test_memory_needs_a_memory_and_a_server_that_keeps_one() -> None:
    off = GuildSettings(guild_id=1, memory=MemoryMode.OFF)
    assert not offered(FULL, SEARCHING, memory=False) & {"remember", "recall", "let_rest"}
    assert not offered(FULL, off) & {"remember", "recall", "let_rest"}


def test_the_web_is_searched_only_where_operator_and_server_have_said_so() -> None:
    assert "web_search" not in offered(FULL, PLAIN)
    assert "web_search" not in offered(Toolbox(None, None, lambda: NOW))


def test_a_models_own_search_serves_where_the_operator_has_none() -> None:
    bare = Toolbox(None, None, lambda: NOW)
    assert BUILT_IN in bare.specs(persona(), SEARCHING, has_memory=False, has_built_in_search=True)
    assert BUILT_IN not in bare.specs(persona(), PLAIN, has_memory=False, has_built_in_search=True)
    assert BUILT_IN not in bare.specs(persona(), SEARCHING, has_memory=False)
    assert BUILT_IN not in FULL.specs(persona(), SEARCHING, has_memory=False, has_built_in_search=True)


def test_a_house_without_reminders_offers_none() -> None:
    assert not offered(Toolbox(None, None, lambda: NOW)) & {"set_timer", "set_reminder"}


# ---------------------------------------------------------------------------- what is run


@pytest.mark.parametrize("name", ["rm", "", "run_dice", "ROLL_DICE", "__init__", "roll_dice\u200b", "x" * 9_000])
async def test_a_tool_that_there_is_not_is_answered_with_those_there_are(name: str) -> None:
    told = await asked(name, "{}")
    assert told["error"].startswith("there is no such tool here; there is: ")
    assert "current_time" in told["error"]


async def test_a_call_is_checked_against_the_room_as_it_is_now_whatever_was_offered_before() -> None:
    assert "no such tool" in (await asked("roll_dice", "{}", room(who=persona(ToolName.TIME))))["error"]
    off = room(FakeMemory(), memory="off")
    assert "no such tool" in (await asked("remember", {"about": "me", "text": "likes moss"}, off))["error"]
    assert "no such tool" in (await asked("web_search", {"query": "moss"}, room(), box=FULL))["error"]


async def test_what_a_search_finds_is_handed_on_as_quotations() -> None:
    told = await asked("web_search", {"query": "moss"}, room(web_search=True), box=FULL)
    assert told["results"][0]["text"] == "moss is a plant"
    assert "not orders" in told["note"]


async def test_the_answer_goes_to_the_call_that_asked() -> None:
    answer = await Toolbox(None, None, lambda: NOW).run(call("roll_dice", "{}"), room())
    assert (answer.call_id, answer.wants_reply) == ("call_1", True)


@tool(permission=ToolName.DICE)
async def broken(errand: Errand, secret: str = "") -> Answer:
    """A tool with a bug that knows what was said to it."""
    raise RuntimeError(f"could not digest {secret}")


@tool(permission=ToolName.DICE, limit_s=0.01)
async def endless(errand: Errand) -> Answer:
    """A tool that never comes to an end by itself."""
    await asyncio.Event().wait()
    return {}


@tool(permission=ToolName.DICE)
async def endless_list(errand: Errand) -> Answer:
    """A tool that has far too much to say for a spoken reply."""
    return {"lines": ["moss " * 40] * 200, "note": "kept"}


@pytest.fixture
def more_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolbox, "TOOLS", {**TOOLS, "broken": broken, "endless": endless, "long": endless_list})
    monkeypatch.setattr(
        toolbox, "_specs", {**toolbox._specs, **dict.fromkeys(("broken", "endless", "long"), broken.spec)}
    )


@pytest.mark.usefixtures("more_tools")
async def test_a_bug_is_answered_and_logged_without_what_was_said() -> None:
    with structlog.testing.capture_logs() as lines:
        told = await asked("broken", {"secret": "canary-moss"})
    assert told == {"error": toolbox.FAILED}
    [line] = lines
    assert (line["event"], line["tool"], line["kind"]) == ("tool_failed", "broken", "RuntimeError")
    assert line["path"].startswith("test_toolbox.py:")
    assert "canary" not in str(line)
    assert set(line) - {"log_level"} <= log.FIELDS


@pytest.mark.usefixtures("more_tools")
async def test_a_tool_that_takes_too_long_is_answered_for() -> None:
    assert await asked("endless", "{}") == {"error": toolbox.LATE}


@pytest.mark.usefixtures("more_tools")
async def test_a_tool_whose_task_is_cancelled_is_cancelled() -> None:
    running = asyncio.ensure_future(asked("endless", "{}"))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.usefixtures("more_tools")
async def test_too_long_an_answer_loses_its_last_entries() -> None:
    told = await asked("long", "{}")
    assert 1 < len(told["lines"]) < 200
    assert told["note"] == "kept"


def test_an_answer_that_cannot_be_shortened_is_none() -> None:
    assert json.loads(fitted({"text": "x" * ANSWER_BYTES})) == {"error": toolbox.FAILED}


def test_a_tool_says_what_it_is() -> None:
    async def nameless(errand: Errand) -> Answer:
        return {}

    with pytest.raises(TypeError, match="docstring"):
        tool(permission=ToolName.DICE)(nameless)
    assert set_timer.limit_s <= toolbox.CALL_S
