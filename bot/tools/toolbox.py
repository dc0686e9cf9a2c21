"""What a model may do in a room, and doing it: offered by persona, server and memory; run within a time; answered in any case.

Authority lives here and in the functions, never in the instructions: a call is checked against the room as it is when it comes, whatever the
model was offered before. What goes wrong is told to the model in one sentence and to the log without anybody's words.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog

from bot.conversation.events import CallTool, ToolAnswered
from bot.personas.persona import Persona, ToolName
from bot.realtime.events import ToolSpec
from bot.storage.guilds import GuildSettings, MemoryMode
from bot.tools.arguments import parse_arguments
from bot.tools.chance import roll_dice
from bot.tools.clock import current_time
from bot.tools.remembering import let_rest, recall, remember
from bot.tools.reminding import set_reminder, set_timer
from bot.tools.search import BUILT_IN, web_search
from bot.tools.tool import Errand, RefusedError, SearchesWeb, SetsReminders, Tool, ToolRoom

ANSWER_BYTES: Final = 2 * 1024
CALL_S: Final = 8.0
"""For the whole of a call, whatever its tool allows itself: somebody waits in silence."""

FAILED: Final = "the tool failed; do without it and say so if it matters"
LATE: Final = "the tool took too long; do without it and say so if it matters"

TOOLS: Final[Mapping[str, Tool]] = {
    one.name: one for one in (remember, recall, let_rest, roll_dice, current_time, set_timer, set_reminder, web_search)
}

_specs: Final = {one.name: one.spec for one in TOOLS.values()}

_log = structlog.get_logger(__name__)


class Toolbox:
    """Every tool of the house.

    Args:
        reminders: `None`: no timers and reminders. `search`: `None`: no web search of the operator's.
        now: the time of day, aware.
    """

    def __init__(
        self, reminders: SetsReminders | None, search: SearchesWeb | None, now: Callable[[], datetime]
    ) -> None:
        self._reminders = reminders
        self._search = search
        self._now = now

    def specs(
        self, persona: Persona, settings: GuildSettings, *, has_memory: bool, has_built_in_search: bool = False
    ) -> tuple[ToolSpec, ...]:
        """What the model is offered, in a fixed order: providers cache what does not change.

        `has_built_in_search`: the model brings a search (its capabilities say so), which serves where the operator has none.
        """
        specs = [_specs[one.name] for one in TOOLS.values() if self._may(one, persona, settings, has_memory=has_memory)]
        may_search = ToolName.SEARCH in persona.tools and settings.web_search
        return (*specs, *([BUILT_IN] if may_search and has_built_in_search and self._search is None else []))

    def _may(self, tool: Tool, persona: Persona, settings: GuildSettings, *, has_memory: bool) -> bool:
        if tool.permission not in persona.tools:
            return False
        match tool.permission:
            case ToolName.RECALL | ToolName.REMEMBER:
                return has_memory and settings.memory is not MemoryMode.OFF
            case ToolName.REMINDERS:
                return self._reminders is not None
            case ToolName.SEARCH:
                return self._search is not None and settings.web_search
            case _:
                return True

    async def run(self, call: CallTool, room: ToolRoom) -> ToolAnswered:
        """The answer to one call, within `CALL_S`. Never raises for what a model sends or a tool does."""
        tool = TOOLS.get(call.name)
        has_memory = room.memory is not None
        if tool is None or not self._may(tool, room.persona, room.settings, has_memory=has_memory):
            offered = ", ".join(one.name for one in self.specs(room.persona, room.settings, has_memory=has_memory))
            return _answered(call, {"error": f"there is no such tool here; there is: {offered or 'none'}"})
        try:
            async with asyncio.timeout(min(tool.limit_s, CALL_S)):
                arguments = parse_arguments(tool, call.arguments)
                errand = Errand.of(call, room, self._now(), self._reminders, self._search)
                return _answered(call, await tool.run(errand, arguments))
        except RefusedError as refusal:
            return _answered(call, {"error": str(refusal)})
        except TimeoutError:
            _log.warning("tool_late", tool=tool.name, seconds=tool.limit_s)
            return _answered(call, {"error": LATE})
        except (
            Exception
        ) as bug:  # a tool's bug must not end the talk; it is told to the operator without the words in it
            _log.error("tool_failed", tool=tool.name, kind=type(bug).__name__, path=_place(bug))
            return _answered(call, {"error": FAILED})


def _answered(call: CallTool, answer: Mapping[str, Any]) -> ToolAnswered:
    return ToolAnswered(call.call_id, fitted(answer))


def fitted(answer: Mapping[str, Any]) -> str:
    """The answer as JSON of at most `ANSWER_BYTES`: the last entries of its longest list go first, then the answer itself."""
    kept = {key: list(value) if isinstance(value, (list, tuple)) else value for key, value in answer.items()}
    while len(text := json.dumps(kept, ensure_ascii=False).encode("utf-8", "replace")) > ANSWER_BYTES:
        lists = [value for value in kept.values() if isinstance(value, list) and value]
        if not lists:
            return json.dumps({"error": FAILED})
        max(lists, key=lambda one: len(json.dumps(one))).pop()
    return text.decode()


def _place(bug: BaseException) -> str:
    """File and line where it was raised."""
    trace = bug.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else ""
