"""Of whom a call may keep and tell anything, as things stand: the server's mode, what its members agreed to, who has paused."""

from __future__ import annotations

from collections.abc import Iterable

from bot.memory.shelves import Shelves
from bot.storage.consent import Scope
from bot.storage.guilds import MemoryMode
from bot.storage.memories import ROOM


class Permission:
    """One per call. `paused`: ids of members of whom nothing is kept or told until they say so; `asked`: of those who are asked about everything."""

    def __init__(
        self, guild_id: int, shelves: Shelves, mode: MemoryMode, paused: Iterable[int], asked: Iterable[int]
    ) -> None:
        self.guild_id = guild_id
        self.mode = mode
        self.paused = set(paused)
        self.asked = set(asked)
        self._shelves = shelves

    @property
    def is_off(self) -> bool:
        """The server keeps nothing, and tells nothing of what it kept."""
        return self.mode is MemoryMode.OFF

    async def look(self) -> None:
        """The server may have another mode by now. Raises `StorageError`."""
        self.mode = (await self._shelves.rules.get(self.guild_id)).memory

    def who(self, scope: Scope) -> frozenset[int]:
        """Who agrees to it at present, with effect."""
        agreements = self._shelves.agreements
        return (agreements.who(self.guild_id, scope) & agreements.who(self.guild_id)) - self.paused

    def may_keep_of(self, user_id: int, scope: Scope = Scope.REMEMBER) -> bool:
        return user_id not in self.paused and self._shelves.agreed(self.guild_id, user_id, scope)

    def keeps_unasked(self, user_id: int) -> bool:
        """Whether what they say of themselves needs no word of theirs more: the server's rule, for whoever agreed to that rule."""
        return self.mode is MemoryMode.USUAL and user_id not in self.asked

    def knows(self, subject_id: int) -> bool:
        """Whether there is anything to be told of them."""
        return subject_id == ROOM or self.may_keep_of(subject_id)
