"""Memory as the rest of the house sees it: opened with a call, shown to whom it concerns, changed and forgotten by them, and gone in time.

A change that a member makes here is on the disk when the method returns, and reaches every open call of that server at once.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bot.errors import KithError
from bot.memory.call import CallMemory
from bot.memory.digest import Digester
from bot.memory.grams import grams, likeness
from bot.memory.keepable import may_keep, tidy
from bot.memory.recollection import SAME
from bot.memory.shelves import Agreements, Choices, Memories, Recaps, Rules, Shelves
from bot.memory.terms import is_kept_unasked
from bot.storage.consent import Scope
from bot.storage.guilds import MemoryMode
from bot.storage.memories import ROOM, TEXT_CHARS, Memory, Proposal, RecapPoint, checked_text

PAUSED: Final = "memory-paused"
"""A member's choice (`bot.storage.members`), as the next one is."""

ASKED: Final = "asked-first"
"""They agreed when their server asked about everything that it kept. No admin agrees for them: they go on being asked until they agree anew."""

BATCH: Final = 25
"""Memories that are prepared in one go; then the loop has its turn."""


class Keeper:
    """One per process."""

    def __init__(
        self,
        memories: Memories,
        recaps: Recaps,
        choices: Choices,
        ledger: Agreements,
        guilds: Rules,
        digester: Digester | None,
        now: Callable[[], datetime],
    ) -> None:
        """`digester` of `None`: talks are not summed up. `now`: aware UTC."""
        self._shelves = Shelves(memories, recaps, ledger, guilds, digester, now)
        self._choices = choices
        self._open: set[CallMemory] = set()  # bounded by the calls of the process

    async def open_call(self, guild_id: int, channel_id: int, call_id: str) -> CallMemory:
        """The memory of a call that begins: everything of the guild is opened once. Raises `StorageError`."""
        async with self._shelves.writing:
            await self._shelves.agreements.load(guild_id)
            mode = (await self._shelves.rules.get(guild_id)).memory
            paused, asked = await self._who_chose(guild_id, PAUSED), await self._who_chose(guild_id, ASKED)
            memories = await self._shelves.memories.all(guild_id)
            call = CallMemory(guild_id, channel_id, call_id, self._shelves, mode, paused, asked, self._open.discard)
            for start in range(0, len(memories), BATCH):
                for memory in memories[start : start + BATCH]:
                    call.recollection.put(memory)
                await asyncio.sleep(0)
            self._open.add(call)
        return call

    async def _who_chose(self, guild_id: int, name: str) -> list[int]:
        return [user_id for user_id, is_so in (await self._choices.all_of(guild_id, name)).items() if is_so]

    def _calls(self, guild_id: int) -> Iterable[CallMemory]:
        return [call for call in self._open if call.guild_id == guild_id]

    # ------------------------------------------------------------------------ what a member sees and does

    async def show(self, guild_id: int, user_id: int) -> list[Memory]:
        """What is remembered of the member, newest first."""
        return await self._shelves.memories.of_member(guild_id, user_id)

    async def proposals(self, guild_id: int, user_id: int) -> list[Proposal]:
        """What the member might want to have remembered."""
        return await self._shelves.memories.proposals(guild_id, user_id)

    async def settle(
        self, guild_id: int, user_id: int, proposal_id: str, keep: bool, text: str | None = None
    ) -> Memory | None:
        """Keep a proposal (with other words: `text`), or drop it. `None`: dropped, or gone already. Raises `KithError` for words that cannot be kept."""
        words = _words(text) if text is not None and keep else None
        async with self._shelves.writing:
            return await self._settle(guild_id, user_id, proposal_id, keep, words)

    async def _settle(
        self, guild_id: int, user_id: int, proposal_id: str, keep: bool, words: str | None
    ) -> Memory | None:
        found = await self._shelves.memories.proposals(guild_id, user_id)
        proposal = next((one for one in found if one.proposal_id == proposal_id), None)
        if proposal is None:
            return None
        if not keep:
            for call in self._calls(guild_id):
                call.unwanted(user_id, proposal.text)
        memory = await self._shelves.memories.settle(guild_id, user_id, proposal_id, keep=keep, text=words)
        if memory is None:
            return None
        if words is not None and not _is_alike(words, proposal.text):
            memory = await self._rewrite(memory, words)
        await self._make_room_for(memory)
        self._changed(memory)
        return memory

    async def _make_room_for(self, memory: Memory) -> None:
        """What is remembered of the subject and says nearly the same goes: the newer words count."""
        for old in await self._shelves.memories.of_member(memory.guild_id, memory.subject_id):
            if old.memory_id != memory.memory_id and _is_alike(old.text, memory.text):
                await self._forget(memory.guild_id, memory.subject_id, {old.memory_id})

    async def edit(self, guild_id: int, user_id: int, memory_id: str, text: str) -> Memory | None:
        """Other words for a memory of the member; what says something else has another id. `None`: it is gone. Raises `KithError` for the words."""
        words = _words(text)
        async with self._shelves.writing:
            mine = await self._shelves.memories.of_member(guild_id, user_id)
            memory = next((one for one in mine if one.memory_id == memory_id), None)
            if memory is None:
                return None
            await self._drop_alike(guild_id, user_id, [memory.text, words])
            if not _is_alike(words, memory.text):
                return self._changed(await self._rewrite(memory, words))
            return self._changed(await self._shelves.memories.change(guild_id, user_id, memory_id, text=words))

    async def _rewrite(self, memory: Memory, words: str) -> Memory:
        """What its subject writes anew was heard by nobody in a room: only a room of the subject alone is told, unless they share it."""
        subject_id = memory.subject_id
        rewritten = replace(
            memory,
            memory_id=secrets.token_hex(16),
            speaker_id=subject_id,
            heard_by=frozenset({subject_id}),
            text=words,
        )
        await self._shelves.memories.add(rewritten)
        await self._forget(memory.guild_id, subject_id, {memory.memory_id})
        return rewritten

    async def mute(self, guild_id: int, user_id: int, memory_id: str, on: bool) -> Memory | None:
        """Do not bring this up again (or do). `None`: it is gone."""
        async with self._shelves.writing:
            return self._changed(await self._shelves.memories.change(guild_id, user_id, memory_id, is_muted=on))

    async def share(self, guild_id: int, user_id: int, memory_id: str, on: bool) -> Memory | None:
        """Whether people who did not hear it may be told. `None`: it is gone."""
        async with self._shelves.writing:
            return self._changed(await self._shelves.memories.change(guild_id, user_id, memory_id, is_shareable=on))

    def _changed(self, memory: Memory | None) -> Memory | None:
        if memory is not None:
            for call in self._calls(memory.guild_id):
                call.learned(memory)
        return memory

    async def forget(self, guild_id: int, user_id: int, memory_ids: Collection[str] | None = None) -> int:
        """These memories of the member, or everything of theirs, proposals and recap points too. How many memories went.

        What waits for the member's word and says nearly the same as one of these goes with it: else it might be kept after all, by itself.
        """
        async with self._shelves.writing:
            if memory_ids is not None:
                mine = await self._shelves.memories.of_member(guild_id, user_id)
                await self._drop_alike(guild_id, user_id, [one.text for one in mine if one.memory_id in memory_ids])
            return await self._forget(guild_id, user_id, memory_ids)

    async def _drop_alike(self, guild_id: int, user_id: int, texts: Collection[str]) -> None:
        for proposal in await self._shelves.memories.proposals(guild_id, user_id):
            if any(_is_alike(text, proposal.text) for text in texts):
                await self._settle(guild_id, user_id, proposal.proposal_id, keep=False, words=None)

    async def _forget(self, guild_id: int, user_id: int, memory_ids: Collection[str] | None) -> int:
        for call in self._calls(guild_id):
            if memory_ids is None:
                call.erased(user_id)
            else:
                call.dropped(memory_ids, user_id)
        return await self._shelves.memories.forget(guild_id, user_id, memory_ids)

    async def erase(self, guild_id: int, user_id: int, erase: Callable[[], Awaitable[None]]) -> None:
        """Everything of the member's goes (`erase`, of `bot.storage.estate`), what is on its way to the disk too; open calls know nothing of them."""
        async with self._shelves.writing:
            await erase()
            for call in self._calls(guild_id):
                call.erased(user_id)
                call.unhear(user_id)
                call.permission.paused.discard(user_id)
                call.permission.asked.discard(user_id)

    def drop_guild(self, guild_id: int) -> None:
        """The server is gone: what its talks were about is neither summed up nor kept."""
        for call in self._calls(guild_id):
            call.discard()

    async def pause(self, guild_id: int, user_id: int, is_paused: bool) -> None:
        """Nothing new of the member is kept or proposed, and nothing of what is there is told, until they say so."""
        for call in self._calls(guild_id):
            if is_paused:
                call.permission.paused.add(user_id)
        await self._choices.put(guild_id, user_id, PAUSED, True if is_paused else None)
        for call in self._calls(guild_id):
            if not is_paused:
                call.permission.paused.discard(user_id)
            call.refresh()

    async def is_paused(self, guild_id: int, user_id: int) -> bool:
        return bool(await self._choices.get(guild_id, user_id, PAUSED))

    async def keep_asking(self, guild_id: int) -> None:
        """An admin is about to let things be kept unasked: whoever agreed before that is asked as they were told. Raises `StorageError`."""
        await self._shelves.agreements.load(guild_id)
        if (await self._shelves.rules.get(guild_id)).memory is MemoryMode.USUAL:
            return
        for user_id in self._shelves.agreements.who(guild_id, Scope.REMEMBER):
            for call in self._calls(guild_id):
                call.permission.asked.add(user_id)
            await self._choices.put(guild_id, user_id, ASKED, True)

    async def agreed_anew(self, guild_id: int, user_id: int) -> None:
        """The member agreed to be remembered as the server does it now. Raises `StorageError`; then they are asked as before."""
        await self._choices.put(guild_id, user_id, ASKED, None)
        for call in self._calls(guild_id):
            call.permission.asked.discard(user_id)

    async def mode_for(self, guild_id: int, user_id: int) -> MemoryMode:
        """How things are kept of this member. Raises `StorageError`."""
        mode = (await self._shelves.rules.get(guild_id)).memory
        is_asked = mode is MemoryMode.USUAL and await self._choices.get(guild_id, user_id, ASKED)
        return MemoryMode.STRICT if is_asked else mode

    async def recap(self, guild_id: int, channel_id: int, present: frozenset[int]) -> list[RecapPoint]:
        """What the last talks in a channel were about, for people who heard it all; only of members who still agree to a transcript."""
        await self._shelves.agreements.load(guild_id)
        points = await self._shelves.recaps.of_channel(guild_id, channel_id, self._shelves.now())
        return [
            point
            for point in points
            if present and present <= point.heard_by and self._shelves.agreed(guild_id, point.user_id, Scope.TRANSCRIPT)
        ]

    # ------------------------------------------------------------------------ the house

    async def agreed(self, guild_id: int, user_id: int, scope: Scope) -> bool:
        """Whether this agreement has effect."""
        await self._shelves.agreements.load(guild_id)
        return self._shelves.agreed(guild_id, user_id, scope)

    async def refresh(self, guild_id: int) -> None:
        """The server's settings changed: its open calls go by them from now on. (`remember` and `close` look for themselves.)"""
        mode = (await self._shelves.rules.get(guild_id)).memory
        for call in self._calls(guild_id):
            call.permission.mode = mode

    async def keep_house(self, now: datetime, guild_ids: Iterable[int]) -> None:
        """Retention: what was not used for as long as each guild says goes; proposals are kept or go as their guild's mode says. Raises `StorageError`."""
        for guild_id in guild_ids:
            settings = await self._shelves.rules.get(guild_id)
            if settings.memory is MemoryMode.USUAL:
                await self._keep_what_nobody_dropped(guild_id, now)
            unused_since = now - timedelta(days=settings.retention_days)
            await self._shelves.memories.expire(guild_id, now, unused_since)

    async def _keep_what_nobody_dropped(self, guild_id: int, now: datetime) -> None:
        await self._shelves.agreements.load(guild_id)
        for user_id in self._shelves.agreements.who(guild_id, Scope.REMEMBER):
            if not self._shelves.agreed(guild_id, user_id, Scope.REMEMBER) or await self.is_paused(guild_id, user_id):
                continue
            for proposal in await self.proposals(guild_id, user_id):
                if is_kept_unasked(proposal) and proposal.expires_at <= now:
                    await self.settle(guild_id, user_id, proposal.proposal_id, keep=True)


def _is_alike(one: str, other: str) -> bool:
    return likeness(grams(one), grams(other)) >= SAME


def _words(text: str) -> str:
    words = checked_text(tidy(text))
    if not may_keep(words):
        raise KithError("no text for a memory", key="error-memory-text", most=TEXT_CHARS)
    return words


def told(memories: Sequence[Memory], name_of: Callable[[int], str]) -> tuple[str, ...]:
    """The lines that instructions carry: `- Alice: likes moss.`"""
    return tuple(
        f"- {'Everybody' if memory.subject_id == ROOM else name_of(memory.subject_id)}: {tidy(memory.text)}"
        for memory in memories
    )
