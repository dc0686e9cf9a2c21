"""A room for tools: two members, a persona that may use everything, and a toolbox that is asked as a model asks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.conversation.events import CallTool
from bot.personas.library import Library
from bot.personas.persona import Persona, ToolName
from bot.storage.guilds import GuildSettings
from bot.tools.tool import RoomMemory, ToolRoom
from bot.tools.toolbox import Toolbox

GUILD, CHANNEL, ALICE, BOB, MALLORY = 1, 10, 100, 101, 666
NAMES = {ALICE: "Alice", BOB: "Bob"}
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
XIAOYUE = Library.load(Path(__file__).parents[2] / "personas").get("xiaoyue")


def persona(*tools: ToolName) -> Persona:
    return XIAOYUE.model_copy(update={"tools": tools or tuple(ToolName)})


def room(kept: RoomMemory | None = None, who: Persona | None = None, **settings: Any) -> ToolRoom:
    return ToolRoom(
        guild_id=GUILD,
        channel_id=CHANNEL,
        persona=who or persona(),
        settings=GuildSettings(guild_id=GUILD, **settings),
        memory=kept,
        name_of=lambda user_id: NAMES.get(user_id, "Someone"),
        user_of=lambda name: next((one for one, known in NAMES.items() if known.casefold() == name.casefold()), None),
        language="en",
    )


def call(
    name: str,
    arguments: str | dict[str, Any],
    asked_by: int | None = ALICE,
    present: frozenset[int] = frozenset(NAMES),
) -> CallTool:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return CallTool("call_1", name, text, asked_by, present)


async def asked(
    name: str,
    arguments: str | dict[str, Any],
    where: ToolRoom | None = None,
    *,
    box: Toolbox | None = None,
    asked_by: int | None = ALICE,
    present: frozenset[int] = frozenset(NAMES),
) -> dict[str, Any]:
    """What the model is answered."""
    answer = await (box or Toolbox(None, None, lambda: NOW)).run(
        call(name, arguments, asked_by, present), where or room()
    )
    found = json.loads(answer.output)
    assert isinstance(found, dict)
    return found
