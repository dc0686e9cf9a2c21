"""What remembering needs of the storage, as protocols. The repositories of `bot.storage` are these; tests may bring their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from bot.memory.digest import Digester
from bot.storage.consent import Scope
from bot.storage.guilds import GuildSettings
from bot.storage.memories import Memory, Proposal, RecapPoint


class Memories(Protocol):
    """`bot.storage.memory_repository.MemoryRepository`. Everything raises `StorageError`."""

    async def all(self, guild_id: int) -> list[Memory]: ...
    async def of_member(self, guild_id: int, user_id: int) -> list[Memory]: ...
    async def add(self, memory: Memory) -> None: ...
    async def change(
        self,
        guild_id: int,
        user_id: int,
        memory_id: str,
        *,
        text: str | None = None,
        is_shareable: bool | None = None,
        is_muted: bool | None = None,
    ) -> Memory | None: ...
    async def forget(self, guild_id: int, user_id: int, memory_ids: Collection[str] | None = None) -> int: ...
    async def mark_used(self, guild_id: int, memory_ids: Collection[str], now: datetime) -> None: ...
    async def expire(self, guild_id: int, now: datetime, unused_since: datetime) -> int: ...
    async def propose(self, proposals: Sequence[Proposal]) -> None: ...
    async def proposals(self, guild_id: int, user_id: int) -> list[Proposal]: ...
    async def settle(
        self, guild_id: int, user_id: int, proposal_id: str, *, keep: bool, text: str | None = None
    ) -> Memory | None: ...


class Recaps(Protocol):
    """`bot.storage.recap_repository.RecapRepository`."""

    async def add(self, points: Sequence[RecapPoint]) -> None: ...
    async def of_channel(self, guild_id: int, channel_id: int, now: datetime) -> list[RecapPoint]: ...
    async def forget(self, guild_id: int, user_id: int) -> Any: ...


class Choices(Protocol):
    """`bot.storage.members.MemberChoices`."""

    async def get(self, guild_id: int, user_id: int, name: str) -> Any: ...
    async def put(self, guild_id: int, user_id: int, name: str, value: Any) -> None: ...
    async def all_of(self, guild_id: int, name: str) -> dict[int, Any]: ...


class Agreements(Protocol):
    """`bot.storage.consent.ConsentLedger`: answered from memory, at once."""

    def allowed(self, guild_id: int, user_id: int, scope: Scope = ...) -> bool: ...
    def who(self, guild_id: int, scope: Scope = ...) -> frozenset[int]: ...
    async def load(self, guild_id: int) -> None: ...


class Rules(Protocol):
    """`bot.storage.guild_repository.GuildSettingsRepository`."""

    async def get(self, guild_id: int) -> GuildSettings: ...


@dataclass(frozen=True, slots=True)
class Shelves:
    """Where a call's memory is kept, and by whose leave. `writing` keeps what changes the shelves apart."""

    memories: Memories
    recaps: Recaps
    agreements: Agreements
    rules: Rules
    digester: Digester | None
    now: Callable[[], datetime]
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def agreed(self, guild_id: int, user_id: int, scope: Scope) -> bool:
        """Whether this agreement has effect: none has without the one to be heard."""
        return self.agreements.allowed(guild_id, user_id) and self.agreements.allowed(guild_id, user_id, scope)
