"""What one call gives to remember: memories, proposals to their subjects, points of a recap. It waits for the disk.

Every decision is made while nobody else writes: minds change in the middle of a call.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from bot.memory.grams import grams, likeness
from bot.memory.keepable import is_sensitive, may_keep, tidy
from bot.memory.listening import Listening
from bot.memory.permission import Permission
from bot.memory.recollection import CANDIDATES, SAME
from bot.memory.room import Room
from bot.memory.shelves import Shelves
from bot.memory.telling import Telling
from bot.memory.terms import STRICT_DAYS, USUAL_DAYS, Outcome
from bot.storage.memories import ROOM, Kind, Memory, Proposal

REMEMBERED: Final = 40
"""Things that one call may ask to have remembered: a model that loops fills no shelf."""


class Keeping:
    """One per call. Everything raises `StorageError`."""

    def __init__(self, shelves: Shelves, permission: Permission, listening: Listening, telling: Telling) -> None:
        self.is_closed = False
        """The call is over: nothing more is taken from its model."""

        self.offered: set[int] = set()  # who has proposals to look at; bounded by who is in the call
        self._guild_id = permission.guild_id
        self._shelves = shelves
        self._permission = permission
        self._listening = listening
        self._telling = telling
        self._remembered = 0

    async def remember(
        self,
        text: str,
        kind: Kind,
        subject_id: int,
        speaker_id: int,
        present: frozenset[int],
        language: str,
    ) -> Outcome:
        """Kept or proposed as the server's mode says.

        What concerns nobody in particular (`ROOM`) belongs to whoever said it, so that somebody can see and forget it. What a member says of another
        is a proposal to that other. Sensitive things are taken from their subject alone.
        """
        subject_id = speaker_id if subject_id == ROOM else subject_id
        await self._permission.look()
        text = tidy(text)
        source = self._listening.source(text, speaker_id)
        heard_by = self._listening.heard_by(text, speaker_id, present)
        async with self._shelves.writing:
            refusal = self._refusal(text, subject_id, speaker_id)
            if refusal is not None:
                return refusal
            if source is not None and source.is_off_record:
                return Outcome.OFF_RECORD
            self._remembered += 1
            known = self._telling.recollection.alike(subject_id, text)
            if known is not None and _is_same(known, text) and heard_by <= known.heard_by:
                return Outcome.KEPT
            if self._permission.keeps_unasked(subject_id) and subject_id == speaker_id:
                await self._keep(text, kind, subject_id, heard_by, language, known)
                return Outcome.KEPT
            finding_by = heard_by | {subject_id}
            await self.propose([self.proposal(text, kind, subject_id, speaker_id, finding_by, language)])
            return Outcome.PROPOSED

    def _refusal(self, text: str, subject_id: int, speaker_id: int) -> Outcome | None:
        permission = self._permission
        if permission.is_off:
            return Outcome.OFF
        if self._listening.is_off_record(self._listening.now):
            return Outcome.OFF_RECORD
        if not (permission.may_keep_of(speaker_id) and permission.may_keep_of(subject_id)):
            return Outcome.NOT_AGREED
        if not may_keep(text) or (is_sensitive(text) and subject_id != speaker_id):
            return Outcome.UNCLEAR
        return Outcome.FULL if self._remembered >= REMEMBERED or self.is_closed else None

    async def _keep(
        self,
        text: str,
        kind: Kind,
        subject_id: int,
        heard_by: frozenset[int],
        language: str,
        known: Memory | None,
    ) -> None:
        """A memory of what its subject said themselves. What says nearly the same makes room for it."""
        same = known if known is not None and _is_same(known, text) else None
        memory = Memory(
            guild_id=self._guild_id,
            memory_id=secrets.token_hex(16),
            subject_id=subject_id,
            speaker_id=subject_id,
            heard_by=heard_by | same.heard_by if same is not None else heard_by,
            kind=kind,
            text=text,
            language=language,
            made_at=self._shelves.now(),
            is_shareable=same is not None and same.is_shareable,
            is_muted=known is not None and known.is_muted,
        )
        await self._shelves.memories.add(memory)
        self._telling.kept(memory)
        if known is not None:
            await self._shelves.memories.forget(self._guild_id, subject_id, {known.memory_id})
            self._telling.replaced(known, memory)

    async def let_rest(self, words: str, subject_id: int, present: frozenset[int]) -> bool:
        """What of the subject's fits the words best is told to no room any more. False: nothing of theirs fits."""
        async with self._shelves.writing:
            room, now = Room(self._guild_id, present), self._shelves.now()
            found = self._telling.recollection.search(words, room, CANDIDATES, now)
            mine = next((one for one in found if one.subject_id == subject_id), None)
            if mine is None:
                return False
            changed = await self._shelves.memories.change(self._guild_id, subject_id, mine.memory_id, is_muted=True)
            self._telling.let_rest(mine.memory_id)
            if changed is not None:
                self._telling.learned(changed)
            return changed is not None

    # ------------------------------------------------------------------------ proposals

    def proposal(
        self, text: str, kind: Kind, subject_id: int, speaker_id: int, heard_by: frozenset[int], language: str
    ) -> Proposal:
        now = self._shelves.now()
        days = USUAL_DAYS if self._permission.keeps_unasked(subject_id) else STRICT_DAYS
        return Proposal(
            guild_id=self._guild_id,
            proposal_id=secrets.token_hex(16),
            subject_id=subject_id,
            speaker_id=speaker_id,
            heard_by=heard_by,
            kind=kind,
            text=text,
            language=language,
            made_at=now,
            expires_at=now + timedelta(days=days),
        )

    async def propose(self, proposals: Sequence[Proposal]) -> None:
        """Those that say something new. Call it while nobody else writes."""
        new: list[Proposal] = []
        for proposal in proposals:
            open_ones = await self._shelves.memories.proposals(self._guild_id, proposal.subject_id)
            texts = [one.text for one in (*open_ones, *new) if one.subject_id == proposal.subject_id]
            if not any(likeness(grams(text), grams(proposal.text)) >= SAME for text in texts):
                new.append(proposal)
            self.offered.add(proposal.subject_id)
        if new:
            await self._shelves.memories.propose(new)


def _is_same(memory: Memory, text: str) -> bool:
    return tidy(memory.text).casefold() == text.casefold()
