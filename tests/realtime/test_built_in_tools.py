"""A search that the model brings itself: offered in the vendor's own words, and only to a model that has one."""

from __future__ import annotations

import json

import pytest

from bot.realtime.dialect import ConnectOptions
from bot.realtime.dialects import load
from bot.realtime.events import Configure, SessionConfig, ToolSpec

pytestmark = pytest.mark.core

DICE = ToolSpec("roll_dice", "Roll dice.", {"type": "object", "properties": {}})
SEARCH = ToolSpec("web_search", "Look something up.", {}, is_built_in=True)


def tools_said(provider: str, *sets: tuple[ToolSpec, ...]) -> list[list[dict[str, object]] | None]:
    """The tools of each `session.update`; `None`: it names none."""
    dialect = load(provider)
    dialect.connect(ConnectOptions(key="k"))
    updates = [json.loads(dialect.encode(Configure(SessionConfig("", tools=tools)))[0]) for tools in sets]
    return [update["session"].get("tools") for update in updates]


def test_stepfun_is_told_its_own_search_by_type() -> None:
    [tools] = tools_said("stepfun", (DICE, SEARCH))
    assert tools is not None
    assert tools[0] == {
        "type": "function",
        "function": {"name": "roll_dice", "description": "Roll dice.", "parameters": dict(DICE.parameters)},
    }
    assert tools[1] == {
        "type": "web_search",
        "function": {"description": "Look something up.", "options": {"top_k": 5, "timeout_seconds": 3}},
    }


def test_a_model_without_a_search_is_not_told_of_one() -> None:
    assert tools_said("local", (DICE, SEARCH), (SEARCH,)) == [tools_said("stepfun", (DICE,))[0], []]


def test_a_search_that_is_taken_away_is_taken_away_there_too() -> None:
    assert tools_said("stepfun", (SEARCH,), ())[1] == []
