"""A tool: one decorated async function. Its signature is the schema that the model reads, its docstring's first paragraph the description.

    @tool(permission=ToolName.DICE)
    async def roll_dice(errand: Errand, sides: Annotated[int, Field(ge=2, le=1000, description="...")] = 6) -> Answer:
        \"\"\"Roll dice, fairly. ...\"\"\"

The first parameter is the `Errand`: who asked, in which room, and what the house has for it. All others come from the model and are checked
against the signature before the function runs. Descriptions are in English whatever the persona speaks: a model that read Chinese ones was
seen not to call at all.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from bot.conversation.events import CallTool
from bot.memory.terms import Outcome
from bot.personas.persona import Persona, ToolName
from bot.realtime.events import ToolSpec
from bot.storage.guilds import GuildSettings
from bot.storage.memories import Kind, Memory

Answer: TypeAlias = Mapping[str, Any]
"""What a tool answers: JSON for the model, in plain words."""

TOOL_S: Final = 3.0
"""Time of a tool that says no other."""


class RoomMemory(Protocol):
    """What tools need of the memory of one call (`bot.memory.call.CallMemory`)."""

    def search(self, words: str, present: frozenset[int], limit: int = 5) -> tuple[Memory, ...]: ...
    async def remember(
        self,
        text: str,
        kind: Kind,
        subject_id: int,
        speaker_id: int,
        present: frozenset[int],
        language: str,
    ) -> Outcome: ...
    async def let_rest(self, words: str, subject_id: int, present: frozenset[int]) -> bool: ...
    def heard_by(self, text: str, speaker_id: int, present: frozenset[int]) -> frozenset[int]: ...


class SetsReminders(Protocol):
    """What tools need of `bot.tools.reminders.Reminders`."""

    async def set(self, asked: Asked, due_at: datetime) -> object: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A reminder as it is asked for: by whom, where, what of, who heard that, and in which language."""

    guild_id: int
    user_id: int
    channel_id: int
    text: str
    heard_by: frozenset[int] = frozenset()
    language: str = ""


class SearchesWeb(Protocol):
    """What tools need of `bot.tools.search.Search`."""

    async def find(self, query: str) -> tuple[Mapping[str, str], ...]: ...


@dataclass(frozen=True, slots=True)
class ToolRoom:
    """The room that a call of a tool comes from, as it is now.

    Attributes:
        channel_id: the voice channel, whose chat takes what is written.
        memory: of this call; `None`: nothing is remembered here.
        present: who is in the channel by now; an errand knows who was there when the model called.
        name_of: the clean name of a member; `user_of`: who of those in the channel is called so (`None`: nobody, or several).
        language: of the persona's speech, `en` or `zh`.
    """

    guild_id: int
    channel_id: int
    persona: Persona
    settings: GuildSettings
    memory: RoomMemory | None
    name_of: Callable[[int], str]
    user_of: Callable[[str], int | None]
    language: str
    present: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Errand:
    """One call of a tool: whose words it follows (`asked_by`, `None`: nobody's), who is there, and what the house has for it."""

    asked_by: int | None
    present: frozenset[int]
    room: ToolRoom
    now: datetime
    reminders: SetsReminders | None = None
    search: SearchesWeb | None = None

    @classmethod
    def of(
        cls,
        call: CallTool,
        room: ToolRoom,
        now: datetime,
        reminders: SetsReminders | None = None,
        search: SearchesWeb | None = None,
    ) -> Errand:
        return cls(call.asked_by, call.present, room, now, reminders, search)


class RefusedError(Exception):
    """A tool cannot do what was asked; the message is one plain sentence for the model, without anybody's words in it."""


class Arguments(BaseModel):
    """What a model may pass. Strict: a number in quotation marks is no number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    description: str
    permission: ToolName
    limit_s: float
    arguments: type[Arguments]
    work: Callable[..., Awaitable[Answer]]

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(self.name, self.description, schema_of(self.arguments))

    async def run(self, errand: Errand, arguments: Arguments) -> Answer:
        given = {name: getattr(arguments, name) for name in type(arguments).model_fields}
        return await self.work(errand, **given)


def tool(*, permission: ToolName, limit_s: float = TOOL_S) -> Callable[[Callable[..., Awaitable[Answer]]], Tool]:
    """Makes a tool of an async function; see the module."""

    def made(work: Callable[..., Awaitable[Answer]]) -> Tool:
        description = " ".join((inspect.getdoc(work) or "").split("\n\n", 1)[0].split())
        if not description:
            raise TypeError(f"{work.__name__} has no docstring for the model")
        hints = get_type_hints(work, include_extras=True)
        given = list(inspect.signature(work).parameters.values())[1:]
        fields: dict[str, Any] = {
            one.name: (hints[one.name], ... if one.default is inspect.Parameter.empty else one.default) for one in given
        }
        arguments = create_model(work.__name__, __base__=Arguments, **fields)
        return Tool(work.__name__, description, permission, limit_s, arguments, work)

    return made


def schema_of(arguments: type[Arguments]) -> dict[str, Any]:
    """The JSON Schema of the arguments without pydantic's titles and docstrings: every word of it is paid for with each response."""
    schema = arguments.model_json_schema()
    properties = {
        name: {key: value for key, value in one.items() if key != "title"} for name, one in schema["properties"].items()
    }
    return {
        "type": "object",
        "properties": properties,
        "required": schema.get("required", []),
        "additionalProperties": False,
    }


__all__ = [
    "Answer",
    "Arguments",
    "Asked",
    "Errand",
    "Field",
    "RefusedError",
    "RoomMemory",
    "SearchesWeb",
    "SetsReminders",
    "Tool",
    "ToolRoom",
    "schema_of",
    "tool",
]
