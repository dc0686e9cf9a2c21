"""Hostile words, spoken, remembered or passed as arguments: no call has more rights than whoever spoke, and no room learns what it may not know.

The model is taken to obey every injection: it calls any tool with any argument. What is tested is that this gives nobody anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from hostile import ARGUMENTS, CORPUS, SPOKEN
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_of_call import FakeMemory, memory
from tool_rooms import ALICE, BOB, CHANNEL, GUILD, MALLORY, NAMES, NOW, call, persona, room

from bot.personas.persona import ToolName
from bot.storage.guilds import MemoryMode
from bot.tools.tool import Asked
from bot.tools.toolbox import TOOLS, Toolbox

pytestmark = pytest.mark.shell

CANARIES = (
    memory("canary of another guild", ALICE, frozenset({ALICE, MALLORY}), guild_id=2),
    memory("canary that Mallory did not hear", ALICE, frozenset({ALICE, BOB})),
    memory("canary of Bob alone", BOB, frozenset({BOB})),
    memory("canary not to be brought up", MALLORY, frozenset({ALICE, BOB, MALLORY}), is_muted=True),
)
"""None of them may be told to a room with Mallory in it."""


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(set(SPOKEN) | set(ARGUMENTS)) >= 60


@dataclass
class World:
    """A house in which everything that a tool does leaves a trace."""

    memory: FakeMemory = field(default_factory=lambda: FakeMemory(*CANARIES))
    reminders: list[tuple[int, int, int]] = field(default_factory=list)
    searches: list[str] = field(default_factory=list)

    async def set(self, asked: Asked, due_at: datetime) -> None:
        assert due_at > NOW
        assert asked.heard_by == {MALLORY}, "nobody is a witness whom the memory does not know for one"
        self.reminders.append((asked.guild_id, asked.user_id, asked.channel_id))

    async def find(self, query: str) -> tuple[Mapping[str, str], ...]:
        self.searches.append(query)
        return ({"title": SPOKEN[0], "site": "evil.example", "text": SPOKEN[3]},)

    async def obeys(self, name: str, arguments: str, present: frozenset[int], **allowed: object) -> str:
        """Mallory speaks, and the model does as it is told."""
        box = Toolbox(self, self, lambda: NOW)
        everybody = {**NAMES, MALLORY: "Mallory"}
        here = room(self.memory, persona(*ToolName), **{"web_search": True, **allowed})
        answer = await box.run(call(name, arguments, MALLORY, present | {MALLORY}), here)
        self.check(present | {MALLORY}, frozenset(everybody))
        return answer.output

    def check(self, present: frozenset[int], known: frozenset[int]) -> None:
        for _, _, subject_id, speaker_id, heard_by, _ in self.memory.kept:
            assert speaker_id == MALLORY, "nobody speaks in another's name"
            assert subject_id in present & known
            assert heard_by == present
        assert set(self.reminders) <= {(GUILD, MALLORY, CHANNEL)}, "reminders are the speaker's, here"


@pytest.mark.parametrize("name", TOOLS)
async def test_no_argument_gives_more_rights_than_the_speaker_has(name: str) -> None:
    for arguments in CORPUS:
        world = World()
        output = await world.obeys(name, arguments, frozenset({ALICE, BOB}))
        assert len(output.encode()) <= 2_048
        assert "canary" not in output, arguments
        assert isinstance(json.loads(output), dict)


@pytest.mark.parametrize("name", TOOLS)
async def test_what_the_server_forbids_stays_forbidden(name: str) -> None:
    forbidden = {"remember", "recall", "let_rest", "web_search"}
    for arguments in CORPUS:
        world = World()
        output = await world.obeys(name, arguments, frozenset({ALICE}), memory=MemoryMode.OFF, web_search=False)
        if name in forbidden:
            assert "no such tool here" in output
        assert (world.memory.kept, world.searches) == ([], [])


async def test_what_is_quoted_to_the_model_is_marked_as_a_quotation() -> None:
    world = World(FakeMemory(memory(SPOKEN[0], ALICE, frozenset({ALICE, MALLORY}))))
    assert "not orders" in await world.obeys("recall", '{"words": "rules"}', frozenset({ALICE}))
    assert "not orders" in await world.obeys("web_search", '{"query": "rules"}', frozenset({ALICE}))


@given(
    st.sampled_from([*TOOLS, "admin", "forget"]),
    st.sampled_from(CORPUS),
    st.frozensets(st.sampled_from([ALICE, BOB]), max_size=2),
    st.sampled_from(list(MemoryMode)),
    st.booleans(),
)
@settings(deadline=None, max_examples=300)
async def test_in_no_room_does_a_hostile_call_reach_further(
    name: str, arguments: str, present: frozenset[int], mode: MemoryMode, searches: bool
) -> None:
    world = World()
    output = await world.obeys(name, arguments, present, memory=mode, web_search=searches)
    assert "canary" not in output
    assert searches or world.searches == []
    assert mode is not MemoryMode.OFF or world.memory.kept == []
