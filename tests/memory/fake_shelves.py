"""The shelves in memory, with the repositories' signatures, and a talk to put on them."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.conversation.events import Caption, CaptionKind
from bot.memory.digest import Line, Point
from bot.memory.keeper import Keeper
from bot.storage.consent import Scope
from bot.storage.guilds import GuildSettings, MemoryMode
from bot.storage.memories import Kind, Memory, Proposal, RecapPoint

GUILD, CHANNEL = 1, 10
ALICE, BOB, CAROL, DAVE = 101, 102, 103, 104
NAMES = {ALICE: "Alice", BOB: "Bob", CAROL: "Carol", DAVE: "Dave"}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def memory(
    text: str = "Likes moss.", subject: int = ALICE, heard_by: Iterable[int] = (ALICE,), **changes: Any
) -> Memory:
    made = Memory(
        GUILD,
        secrets.token_hex(16),
        subject,
        subject,
        frozenset(heard_by),
        Kind.FACT,
        text,
        "en",
        NOON - timedelta(days=1),
    )
    return replace(made, **changes)


def caption(user_id: int, text: str, heard_by: Iterable[int], at: float = 0.0, until: float | None = None) -> Caption:
    ended_at = at if until is None else until
    return Caption(CaptionKind.SAID, NAMES[user_id], text, at, ended_at, user_id, heard_by=frozenset(heard_by))


def answer(text: str, heard_by: Iterable[int], at: float = 0.0) -> Caption:
    return Caption(CaptionKind.HEARD, "Xiao Yue", text, at, at, heard_by=frozenset(heard_by))


class FakeMemories:
    def __init__(self) -> None:
        self.kept: dict[str, Memory] = {}
        self.open: dict[str, Proposal] = {}
        self.recaps: FakeRecaps | None = None
        self.used: list[str] = []

    async def all(self, guild_id: int) -> list[Memory]:
        return [one for one in self.kept.values() if one.guild_id == guild_id]

    async def of_member(self, guild_id: int, user_id: int) -> list[Memory]:
        return [one for one in await self.all(guild_id) if one.subject_id == user_id]

    async def add(self, memory: Memory) -> None:
        self.kept[memory.memory_id] = memory

    async def change(
        self,
        guild_id: int,
        user_id: int,
        memory_id: str,
        *,
        text: str | None = None,
        is_shareable: bool | None = None,
        is_muted: bool | None = None,
    ) -> Memory | None:
        one = self.kept.get(memory_id)
        if one is None or (one.guild_id, one.subject_id) != (guild_id, user_id):
            return None
        changes = {"text": text, "is_shareable": is_shareable, "is_muted": is_muted}
        self.kept[memory_id] = replace(one, **{k: v for k, v in changes.items() if v is not None})  # type: ignore[arg-type]
        return self.kept[memory_id]

    async def forget(self, guild_id: int, user_id: int, memory_ids: Collection[str] | None = None) -> int:
        mine = [one.memory_id for one in await self.of_member(guild_id, user_id)]
        gone = [one for one in mine if memory_ids is None or one in memory_ids]
        for memory_id in gone:
            del self.kept[memory_id]
        if memory_ids is None:
            for proposal in await self.proposals(guild_id, user_id):
                del self.open[proposal.proposal_id]
        return len(gone)

    async def mark_used(self, guild_id: int, memory_ids: Collection[str], now: datetime) -> None:
        self.used += memory_ids

    async def expire(self, guild_id: int, now: datetime, unused_since: datetime) -> int:
        gone = [one.memory_id for one in await self.all(guild_id) if (one.used_at or one.made_at) < unused_since]
        for memory_id in gone:
            del self.kept[memory_id]
        for proposal in [one for one in self.open.values() if one.guild_id == guild_id and one.expires_at <= now]:
            del self.open[proposal.proposal_id]
        return len(gone)

    async def propose(self, proposals: Sequence[Proposal]) -> None:
        self.open |= {one.proposal_id: one for one in proposals}

    async def proposals(self, guild_id: int, user_id: int) -> list[Proposal]:
        return [one for one in self.open.values() if (one.guild_id, one.subject_id) == (guild_id, user_id)]

    async def settle(
        self, guild_id: int, user_id: int, proposal_id: str, *, keep: bool, text: str | None = None
    ) -> Memory | None:
        one = self.open.get(proposal_id)
        if one is None or (one.guild_id, one.subject_id) != (guild_id, user_id):
            return None
        del self.open[proposal_id]
        if not keep:
            return None
        kept = memory(text or one.text, one.subject_id, one.heard_by, speaker_id=one.speaker_id, kind=one.kind)
        kept = replace(kept, guild_id=guild_id, made_at=one.made_at)
        await self.add(kept)
        return kept


class FakeRecaps:
    def __init__(self) -> None:
        self.points: list[RecapPoint] = []

    async def add(self, points: Sequence[RecapPoint]) -> None:
        self.points += points

    async def of_channel(self, guild_id: int, channel_id: int, now: datetime) -> list[RecapPoint]:
        return [
            one
            for one in self.points
            if (one.guild_id, one.channel_id) == (guild_id, channel_id) and one.expires_at > now
        ]

    async def forget(self, guild_id: int, user_id: int) -> int:
        before = len(self.points)
        self.points = [one for one in self.points if (one.guild_id, one.user_id) != (guild_id, user_id)]
        return before - len(self.points)


class FakeChoices:
    def __init__(self) -> None:
        self.rows: dict[tuple[int, int, str], Any] = {}

    async def get(self, guild_id: int, user_id: int, name: str) -> Any:
        return self.rows.get((guild_id, user_id, name))

    async def put(self, guild_id: int, user_id: int, name: str, value: Any) -> None:
        self.rows[guild_id, user_id, name] = value

    async def all_of(self, guild_id: int, name: str) -> dict[int, Any]:
        return {user: value for (guild, user, known), value in self.rows.items() if (guild, known) == (guild_id, name)}


class FakeLedger:
    """Everybody in `agreed` agreed to these scopes, on every server."""

    def __init__(self) -> None:
        self.agreed: defaultdict[int, set[Scope]] = defaultdict(set)

    def allowed(self, guild_id: int, user_id: int, scope: Scope = Scope.LISTEN) -> bool:
        return scope in self.agreed[user_id]

    def who(self, guild_id: int, scope: Scope = Scope.LISTEN) -> frozenset[int]:
        return frozenset(user_id for user_id, scopes in self.agreed.items() if scope in scopes)

    async def load(self, guild_id: int) -> None:
        """It is."""


class FakeRules:
    def __init__(self) -> None:
        self.mode = MemoryMode.STRICT
        self.retention_days = 90

    async def get(self, guild_id: int) -> GuildSettings:
        return GuildSettings(guild_id=guild_id, memory=self.mode, retention_days=self.retention_days)


@dataclass
class ScriptedDigester:
    """Says these points, or raises; keeps what it was given."""

    points: Sequence[Point] = ()
    error: Exception | None = None
    lines: Sequence[Line] = ()
    language: str = ""

    async def digest(self, lines: Sequence[Line], language: str, guild_id: int = 0) -> tuple[Point, ...]:
        self.lines, self.language = lines, language
        if self.error is not None:
            raise self.error
        return tuple(self.points)


class House:
    """A keeper over fakes. Alice, Bob and Carol agreed to everything, Dave to be heard only."""

    def __init__(self, mode: MemoryMode = MemoryMode.STRICT) -> None:
        self.memories, self.recaps, self.choices = FakeMemories(), FakeRecaps(), FakeChoices()
        self.ledger, self.rules, self.digester = FakeLedger(), FakeRules(), ScriptedDigester()
        self.rules.mode = mode
        self.now = NOON
        for user_id in (ALICE, BOB, CAROL):
            self.ledger.agreed[user_id] = set(Scope)
        self.ledger.agreed[DAVE] = {Scope.LISTEN}
        self.keeper = Keeper(
            self.memories, self.recaps, self.choices, self.ledger, self.rules, self.digester, lambda: self.now
        )
