"""What one member finds when they look: everything that is kept of them or waits for their word, and the rules that hold for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.app import Companion
from bot.errors import KithError
from bot.memory.terms import is_kept_unasked
from bot.storage.consent import Scope
from bot.storage.guilds import MemoryMode
from bot.storage.memories import Memory, Proposal

FRESH: Final = timedelta(days=1)


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
    fresh: int = 0  # memories of the last day by what the member said of themselves

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

    def keeps_unasked(self, proposal: Proposal) -> bool:
        """Whether it is kept when its time is up, unless it is dropped before: what members said of themselves, where that is the rule."""
        is_rule = self.mode is MemoryMode.USUAL and self.is_agreed and not self.is_paused
        return is_rule and is_kept_unasked(proposal)

    def was_kept(self, proposal: Proposal) -> bool:
        """Whether one of the memories comes from this proposal: it has its moment and its speaker."""
        origin = (proposal.made_at, proposal.speaker_id, proposal.kind)
        return any((one.made_at, one.speaker_id, one.kind) == origin for one in self.memories)

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
    keeper = companion.keeper
    settings = await companion.guilds.get(guild_id)
    memories = tuple(await keeper.show(guild_id, user_id))
    since = datetime.now(UTC) - FRESH
    return Shelf(
        user_id=user_id,
        memories=memories,
        proposals=tuple(await keeper.proposals(guild_id, user_id)),
        mode=await keeper.mode_for(guild_id, user_id),
        retention_days=settings.retention_days,
        is_agreed=await keeper.agreed(guild_id, user_id, Scope.REMEMBER),
        is_paused=await keeper.is_paused(guild_id, user_id),
        fresh=sum(one.made_at > since and one.speaker_id == user_id for one in memories),
    )
