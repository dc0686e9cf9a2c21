"""The memory of one call: what its room may be told, what is said that may be kept, and looking at it again when the call is over.

    CallMemory ├▶ Permission (of whom anything may be kept or told)
               ├▶ Listening (the lines of the talk, as far as their members agreed)
               ├▶ Telling (what the room was told, and may be)
               ├▶ Keeping (what is remembered, what is proposed)
               └▶ SummingUp (the digest at the end)

Telling is at once and from memory alone; keeping waits for the disk. Whoever withdraws, pauses or forgets is obeyed in the middle of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from bot.errors import KithError
from bot.memory.keeping import Keeping
from bot.memory.listening import Listening, SpokenLine
from bot.memory.permission import Permission
from bot.memory.recollection import Recollection
from bot.memory.room import Room
from bot.memory.shelves import Shelves
from bot.memory.summing_up import SummingUp
from bot.memory.telling import Telling
from bot.memory.terms import Outcome, Recall
from bot.storage.guilds import MemoryMode
from bot.storage.memories import Kind, Memory

RECALL_TOKENS: Final = 600
CLOSE_S: Final = 20.0

_log = structlog.get_logger(__name__)


class CallMemory:
    """One per call; `Keeper.open_call` makes it. `recall`, `search`, `tick`, `meet` and `hear` are for the loop, and never wait."""

    def __init__(
        self,
        guild_id: int,
        channel_id: int,
        call_id: str,
        shelves: Shelves,
        mode: MemoryMode,
        paused: Iterable[int],
        asked: Iterable[int],
        closed: Callable[[CallMemory], None],
    ) -> None:
        self.guild_id = guild_id
        self.channel_id = channel_id
        self.permission = Permission(guild_id, shelves, mode, paused, asked)
        self.recollection = Recollection((), shelves.now(), self.permission.knows)
        self._shelves = shelves
        self._closed = closed
        self._listening = Listening(self.permission.who)
        self._telling = Telling(self.recollection)
        self._keeping = Keeping(shelves, self.permission, self._listening, self._telling)
        self._summing_up = SummingUp(
            lambda: self.channel_id,
            call_id,
            shelves,
            self.permission,
            self._listening,
            self.recollection,
            self._keeping,
        )

    @property
    def is_closed(self) -> bool:
        return self._keeping.is_closed

    # ------------------------------------------------------------------------ telling

    def recall(self, present: frozenset[int], budget_tokens: int = RECALL_TOKENS) -> Recall:
        """What the people who are there may be told of what is remembered; it counts as told from here on.

        What this very call gave to remember is left out (the model heard it) until its session is renewed. An empty room is told nothing, and
        nothing is taken back for it.
        """
        if not present:
            return Recall(())
        room = Room(self.guild_id, present)
        return self._telling.recall(room, budget_tokens, self._shelves.now(), is_off=self.permission.is_off)

    def search(self, words: str, present: frozenset[int], limit: int = 5) -> tuple[Memory, ...]:
        """What fits the words, or concerns whom they name, and may be told to the room, the best first; it counts as told."""
        if not present or self.permission.is_off:
            return ()
        room, about = Room(self.guild_id, present), self._listening.named(words)
        return self._telling.search(words, room, limit, self._shelves.now(), about)

    # ------------------------------------------------------------------------ listening

    def tick(self, now: float) -> None:
        """Time passes, whatever happens."""
        self._listening.tick(now)

    def meet(self, user_id: int, name: str, now: float) -> None:
        """Somebody is there; what names them can be found."""
        self._listening.meet(user_id, name, now)

    def hear(self, line: SpokenLine, now: float) -> None:
        """A line of the talk goes into the notebook, as far as its member agreed."""
        self._listening.hear(line, now, is_noting=not self.permission.is_off and not self.is_closed)

    def go_off_record(self, until: float) -> None:
        """Nothing of what is said from now until then enters the notebook. Monotonic seconds."""
        self._listening.go_off_record(until)

    def is_off_record(self, now: float) -> bool:
        return self._listening.is_off_record(now)

    def moved(self, channel_id: int) -> None:
        """Where the talk is now, and its recap will belong."""
        self.channel_id = channel_id

    def forget_member(self, user_id: int) -> None:
        """They withdrew, or were forgotten: whatever they said in this call is gone from here."""
        self._listening.forget(user_id)

    # ------------------------------------------------------------------------ keeping

    async def remember(
        self,
        text: str,
        kind: Kind,
        subject_id: int,
        speaker_id: int,
        present: frozenset[int],
        language: str,
    ) -> Outcome:
        """The model's `remember`: kept or proposed as the server's mode says. Raises `StorageError`."""
        return await self._keeping.remember(text, kind, subject_id, speaker_id, present, language)

    def heard_by(self, text: str, speaker_id: int, present: frozenset[int]) -> frozenset[int]:
        """Who of those present heard what the text comes from, which the speaker said."""
        return self._listening.heard_by(text, speaker_id, present)

    async def let_rest(self, words: str, subject_id: int, present: frozenset[int]) -> bool:
        """The member wants something of theirs left alone: what fits the words best is told to no room any more. False: nothing of theirs fits.

        Raises `StorageError`. They know it themselves, so the model's session need not forget it: it is only not told again.
        """
        return await self._keeping.let_rest(words, subject_id, present)

    # ------------------------------------------------------------------------ what others change meanwhile

    def learned(self, memory: Memory) -> None:
        """A memory is there, or has another state."""
        self._telling.learned(memory)

    def dropped(self, memory_ids: Iterable[str], user_id: int) -> None:
        """Its subject has thrown it away: it is not told again, nor proposed at the end of this call."""
        for text in self._telling.dropped(memory_ids, user_id):
            self.unwanted(user_id, text)

    def refresh(self) -> None:
        """What may be told has changed without a memory having changed."""
        self._telling.refresh()

    def unwanted(self, user_id: int, text: str) -> None:
        """It is not proposed at the end of this call."""
        self._summing_up.unwanted(user_id, text)

    def erased(self, user_id: int) -> None:
        """Everything of a member is gone."""
        self._telling.erased(user_id)
        self.forget_member(user_id)
        self._keeping.offered.discard(user_id)

    def unhear(self, user_id: int) -> None:
        """Nobody is to be found here who was erased: what others said up to now, they have not heard."""
        self.recollection.unhear(user_id)
        self._telling.refresh()
        self._listening.unhear(user_id)

    # ------------------------------------------------------------------------ the end

    def discard(self) -> None:
        """The server is gone: nothing of this talk is summed up."""
        self._keeping.is_closed = True
        self._listening.notebook.clear()
        self._closed(self)

    async def close(self) -> frozenset[int]:
        """The call is over: the talk is summed up, and what was told is marked as used. Who has proposals to look at.

        Takes 20 s at most. What fails is logged and left: the end of a call waits for no model.
        """
        if self.is_closed:
            return frozenset()
        self._keeping.is_closed = True
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._mark_used()
                await self._summing_up.digest()
        except TimeoutError:
            _log.warning("memory_not_digested", reason="took too long")
        except KithError as error:
            _log.warning("memory_not_digested", reason=type(error).__name__)
        finally:
            self._listening.notebook.clear()
            self._closed(self)
        return frozenset(user_id for user_id in self._keeping.offered if self.permission.may_keep_of(user_id))

    async def _mark_used(self) -> None:
        used = self._telling.used
        if used:
            await self._shelves.memories.mark_used(self.guild_id, used, self._shelves.now())
