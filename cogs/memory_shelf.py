"""What one member finds when they look: everything that is kept of them or waits for their word, and the rules that hold for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol, cast

from bot.app import Companion
from bot.errors import KithError
from bot.storage.consent import Scope
from bot.storage.guilds import MemoryMode
from bot.storage.memories import Memory, Proposal, RecapPoint


class Keeping(Protocol):
    """What these commands ask of `bot.memory.keeper.Keeper`. Everything raises `StorageError`, and concerns one member's own alone."""

    async def show(self, guild_id: int, user_id: int, /) -> list[Memory]: ...
    async def proposals(self, guild_id: int, user_id: int, /) -> list[Proposal]: ...
    async def settle(
        self, guild_id: int, user_id: int, proposal_id: str, /, keep: bool, text: str | None = None
    ) -> Memory | None: ...
    async def edit(self, guild_id: int, user_id: int, memory_id: str, text: str, /) -> Memory | None: ...
    async def mute(self, guild_id: int, user_id: int, memory_id: str, on: bool, /) -> Memory | None: ...
    async def share(self, guild_id: int, user_id: int, memory_id: str, on: bool, /) -> Memory | None: ...
    async def forget(self, guild_id: int, user_id: int, memory_ids: Collection[str] | None, /) -> int: ...
    async def pause(self, guild_id: int, user_id: int, is_paused: bool, /) -> Any: ...
    async def is_paused(self, guild_id: int, user_id: int, /) -> bool: ...
    async def recap(self, guild_id: int, channel_id: int, present: frozenset[int], /) -> list[RecapPoint]: ...


def keeping(companion: Companion) -> Keeping:
    return cast("Any", companion).keeper  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Memories newest first; proposals in the order in which they came."""

    user_id: int
    memories: tuple[Memory, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    mode: MemoryMode = MemoryMode.STRICT
    retention_days: int = 90
    is_agreed: bool = True
    is_paused: bool = False

    def memory(self, memory_id: str) -> Memory:
        """Raises `KithError` for one that is gone, or another member's."""
        for memory in self.memories:
            if memory.memory_id == memory_id:
                return memory
        raise KithError("no such memory of this member", key="error-memory-gone")

    def proposal(self, proposal_id: str) -> Proposal:
        """Raises `KithError` for one that is settled, has run out, or is another member's."""
        for proposal in self.proposals:
            if proposal.proposal_id == proposal_id:
                return proposal
        raise KithError("no such proposal to this member", key="error-memory-settled")

    def check_may_keep(self) -> None:
        """Raises `KithError` where nothing new may be kept of this member."""
        if self.mode is MemoryMode.OFF:
            raise KithError("this server keeps nothing", key="error-memory-off")
        if not self.is_agreed:
            raise KithError("the member has not agreed to be remembered", key="error-memory-not-agreed")
        if self.is_paused:
            raise KithError("the member paused remembering", key="error-memory-paused")


async def shelf_of(companion: Companion, guild_id: int, user_id: int) -> Shelf:
    """Raises `StorageError`."""
    keeper, ledger = keeping(companion), companion.ledger
    settings = await companion.guilds.get(guild_id)
    await ledger.load(guild_id)
    return Shelf(
        user_id=user_id,
        memories=tuple(await keeper.show(guild_id, user_id)),
        proposals=tuple(await keeper.proposals(guild_id, user_id)),
        mode=settings.memory,
        retention_days=settings.retention_days,
        is_agreed=ledger.allowed(guild_id, user_id, Scope.REMEMBER),
        is_paused=await keeper.is_paused(guild_id, user_id),
    )
