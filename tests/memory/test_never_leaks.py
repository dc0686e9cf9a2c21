"""Random rooms, people coming and going, things said, kept, shared, muted, edited and forgotten: no room ever gets a canary that is not for it."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from fake_shelves import CHANNEL, GUILD, NAMES, House, answer, caption, memory
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.memory.call import CallMemory
from bot.memory.digest import Line, Point
from bot.storage.consent import Scope
from bot.storage.guilds import MemoryMode
from bot.storage.memories import Kind, Memory

pytestmark = pytest.mark.shell

CANARY = re.compile(r"canary\d+")
T = TypeVar("T")
users = st.sampled_from(sorted(NAMES))
guilds = st.sampled_from([GUILD, GUILD, GUILD, GUILD + 1])
Past = tuple[int, int, int, frozenset[int], bool, bool]
past = st.tuples(guilds, users, users, st.frozensets(users), st.booleans(), st.booleans())
"""Guild, subject, speaker, who else heard it, shareable, muted."""


class Gossip:
    """The worst digest: gives everybody what they said, what they said twice over, and what others said to them."""

    async def digest(self, lines: Sequence[Line], language: str, guild_id: int = 0) -> tuple[Point, ...]:
        points = [Point(line.by, kind, line.said) for line in lines if line.by for kind in (Kind.FACT, Kind.DIGEST)]
        for one in lines:
            for other in lines:
                if one.by is not None and one is not other:
                    points += [Point(one.by, Kind.FACT, f"{one.said.rstrip('.')} and {other.said}")]
        return tuple(points[:60])


class Rooms(RuleBasedStateMachine):
    """The oracle knows of each canary, by guild: who heard it, who wrote it down alone, whose it is. It shares no code with the rule."""

    @initialize(
        mode=st.sampled_from([MemoryMode.STRICT, MemoryMode.USUAL]),
        history=st.lists(past, max_size=12),
        here=st.lists(st.tuples(guilds, users), max_size=6),
    )
    def begin(self, mode: MemoryMode, history: list[Past], here: list[tuple[int, int]]) -> None:
        self.loop = asyncio.new_event_loop()
        self.house = House(mode)
        self.house.keeper._shelves = self.house.keeper._shelves.__class__(
            self.house.memories,
            self.house.recaps,
            self.house.ledger,
            self.house.rules,
            Gossip(),
            lambda: self.house.now,
        )
        self.clock = 0.0
        self.calls: dict[int, CallMemory] = {}
        self.count = 0
        self.heard: defaultdict[tuple[int, str], set[int]] = defaultdict(set)
        self.speaker: dict[tuple[int, str], int] = {}
        self.present: defaultdict[int, set[int]] = defaultdict(set)
        self.told: defaultdict[int, dict[str, Memory]] = defaultdict(dict)
        for guild_id, subject, speaker, others, is_shareable, is_muted in history:
            self.count += 1
            name, heard_by = f"canary{self.count}", others | {speaker, subject}
            self.heard[guild_id, name], self.speaker[guild_id, name] = set(heard_by), speaker
            kept = memory(f"Likes {name}.", subject, heard_by, speaker_id=speaker, guild_id=guild_id)
            self.run(self.house.memories.add(replace(kept, is_shareable=is_shareable, is_muted=is_muted)))
        for guild_id, user_id in here:
            self.present[guild_id].add(user_id)
        for guild_id in (GUILD, GUILD + 1):
            self.open(guild_id)

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.close()

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(step)

    def open(self, guild_id: int) -> None:
        self.calls[guild_id] = self.run(self.house.keeper.open_call(guild_id, CHANNEL, "call"))
        self.told[guild_id] = {}

    def canary(self, guild_id: int, speaker: int) -> str:
        self.count += 1
        name = f"canary{self.count}"
        self.heard[guild_id, name] = self.present[guild_id] | {speaker}
        self.speaker[guild_id, name] = speaker
        return name

    # ------------------------------------------------------------------------ what happens

    @rule(guild_id=guilds, user_id=users)
    def come(self, guild_id: int, user_id: int) -> None:
        self.present[guild_id].add(user_id)
        self.calls[guild_id].meet(user_id, NAMES[user_id], self.clock)

    @rule(guild_id=guilds, user_id=users)
    def go(self, guild_id: int, user_id: int) -> None:
        self.present[guild_id].discard(user_id)

    @rule(guild_id=guilds, user_id=users, is_answered=st.booleans())
    def say(self, guild_id: int, user_id: int, is_answered: bool) -> None:
        self.present[guild_id].add(user_id)
        self.clock += 1
        said = f"Likes {self.canary(guild_id, user_id)}."
        here = set(self.present[guild_id])
        self.calls[guild_id].hear(caption(user_id, said, here, self.clock), self.clock)
        if is_answered:
            self.calls[guild_id].hear(answer(said, here, self.clock), self.clock)

    @rule(guild_id=guilds, speaker=users, subject=users, late=st.sets(users))
    def remember(self, guild_id: int, speaker: int, subject: int, late: set[int]) -> None:
        """The model calls the tool; some may have come since the words were spoken."""
        self.present[guild_id].add(speaker)
        self.clock += 1
        name = self.canary(guild_id, speaker)
        self.heard[guild_id, name].add(subject)  # is asked, or said it
        call = self.calls[guild_id]
        call.hear(caption(speaker, f"Likes {name}.", self.present[guild_id], self.clock), self.clock)
        self.present[guild_id] |= late
        here = frozenset(self.present[guild_id])
        self.run(call.remember(f"Likes {name}.", Kind.FACT, subject, speaker, here, "en"))

    @rule(guild_id=guilds, user_id=users, keep=st.booleans(), own_words=st.booleans(), data=st.data())
    def settle(self, guild_id: int, user_id: int, keep: bool, own_words: bool, data: st.DataObject) -> None:
        waiting = self.run(self.house.keeper.proposals(guild_id, user_id))
        for proposal in waiting[: data.draw(st.integers(0, 3))]:
            self.saw(guild_id, user_id, proposal.text)
            text = f"Hides {self.private(guild_id, user_id)}." if own_words and keep else None
            self.run(self.house.keeper.settle(guild_id, user_id, proposal.proposal_id, keep, text))

    def private(self, guild_id: int, user_id: int) -> str:
        """Written down by one member, heard by nobody."""
        name = self.canary(guild_id, user_id)
        self.heard[guild_id, name] = {user_id}
        return name

    def saw(self, guild_id: int, user_id: int, text: str) -> None:
        for name in CANARY.findall(text):
            self.heard[guild_id, name].add(user_id)

    def one_of(self, guild_id: int, user_id: int, data: st.DataObject) -> str | None:
        """A memory that the member looks at: now they know what it says."""
        mine = self.run(self.house.keeper.show(guild_id, user_id))
        if not mine:
            return None
        one = data.draw(st.sampled_from(mine))
        self.saw(guild_id, user_id, one.text)
        return str(one.memory_id)

    @rule(guild_id=guilds, user_id=users, on=st.booleans(), data=st.data())
    def share(self, guild_id: int, user_id: int, on: bool, data: st.DataObject) -> None:
        if memory_id := self.one_of(guild_id, user_id, data):
            self.run(self.house.keeper.share(guild_id, user_id, memory_id, on))

    @rule(guild_id=guilds, user_id=users, on=st.booleans(), data=st.data())
    def mute(self, guild_id: int, user_id: int, on: bool, data: st.DataObject) -> None:
        if memory_id := self.one_of(guild_id, user_id, data):
            self.run(self.house.keeper.mute(guild_id, user_id, memory_id, on))

    @rule(guild_id=guilds, user_id=users, data=st.data())
    def edit(self, guild_id: int, user_id: int, data: st.DataObject) -> None:
        if memory_id := self.one_of(guild_id, user_id, data):
            text = f"Hides {self.private(guild_id, user_id)}."
            self.run(self.house.keeper.edit(guild_id, user_id, memory_id, text))

    @rule(guild_id=guilds, user_id=users, everything=st.booleans(), data=st.data())
    def forget(self, guild_id: int, user_id: int, everything: bool, data: st.DataObject) -> None:
        if memory_id := self.one_of(guild_id, user_id, data):
            self.run(self.house.keeper.forget(guild_id, user_id, None if everything else {memory_id}))

    @rule(user_id=users, scope=st.sampled_from([Scope.LISTEN, Scope.REMEMBER]), on=st.sampled_from([True, True, False]))
    def agree(self, user_id: int, scope: Scope, on: bool) -> None:
        (self.house.ledger.agreed[user_id].add if on else self.house.ledger.agreed[user_id].discard)(scope)

    @rule(guild_id=guilds, here=st.sets(users, min_size=1))
    def others_are_here(self, guild_id: int, here: set[int]) -> None:
        self.present[guild_id] = here

    @rule(guild_id=guilds, keep=st.booleans())
    def end_and_begin_again(self, guild_id: int, keep: bool) -> None:
        asked = self.run(self.calls[guild_id].close())
        assert all(self.house.ledger.allowed(guild_id, user_id, Scope.REMEMBER) for user_id in asked)
        for user_id in asked if keep else ():
            for proposal in self.run(self.house.keeper.proposals(guild_id, user_id)):
                self.saw(guild_id, user_id, proposal.text)
                self.run(self.house.keeper.settle(guild_id, user_id, proposal.proposal_id, True))
        self.open(guild_id)

    # ------------------------------------------------------------------------ what must hold

    def may_know(self, guild_id: int, told: Memory) -> bool:
        """By the oracle alone: of the memory as it is on the shelf now."""
        here = self.present[guild_id]
        one = self.house.memories.kept.get(told.memory_id)
        if one is None or one.is_muted or one.guild_id != guild_id or not here:
            return False
        if not {Scope.LISTEN, Scope.REMEMBER} <= self.house.ledger.agreed[one.subject_id]:
            return False
        names = CANARY.findall(one.text)
        assert names
        # A memory of several things is known by who was there for all of them: what the shelf says may be narrower, never wider.
        is_own = (
            all(self.speaker[guild_id, name] == one.subject_id for name in names) and one.speaker_id == one.subject_id
        )
        return here <= one.heard_by or (one.is_shareable and is_own)

    def check(self, guild_id: int, memories: Sequence[Memory]) -> None:
        for one in memories:
            assert one.guild_id == guild_id
            assert not self.house.memories.kept[one.memory_id].is_muted
            for name in CANARY.findall(one.text):
                is_shared = one.is_shareable and one.speaker_id == one.subject_id
                assert self.present[guild_id] <= self.heard[guild_id, name] or is_shared, f"{one.text} leaks"
                assert (guild_id, name) in self.speaker, "a canary of another guild"
            self.told[guild_id][one.memory_id] = one

    @invariant()
    def recall(self) -> None:
        for guild_id in self.calls:
            self.recall_in(guild_id)

    def recall_in(self, guild_id: int) -> None:
        self.check(guild_id, self.calls[guild_id].search(f"canary{self.count}", frozenset(self.present[guild_id])))
        told = self.calls[guild_id].recall(frozenset(self.present[guild_id]))
        expected = not all(self.may_know(guild_id, one) for one in self.told[guild_id].values())
        assert told.is_withdrawn == (expected and bool(self.present[guild_id]))
        if told.is_withdrawn:
            self.told[guild_id] = {}
        self.check(guild_id, told.memories)

    @precondition(lambda self: self.count > 0)
    @rule(guild_id=guilds, data=st.data())
    def search(self, guild_id: int, data: st.DataObject) -> None:
        name = f"canary{data.draw(st.integers(1, self.count))}"
        here = frozenset(self.present[guild_id])
        self.check(guild_id, self.calls[guild_id].search(name, here))
        self.check(guild_id, self.calls[guild_id].search(NAMES[data.draw(users)], here))

    @rule(guild_id=guilds, user_id=users)
    def recap(self, guild_id: int, user_id: int) -> None:
        for point in self.run(self.house.keeper.recap(guild_id, CHANNEL, frozenset({user_id}))):
            for name in CANARY.findall(point.text):
                assert user_id in self.heard[guild_id, name], f"{point.text} leaks"


TestRooms = Rooms.TestCase
TestRooms.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
