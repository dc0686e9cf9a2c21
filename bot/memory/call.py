"""The memory of one call: what its room may be told, what is said that may be kept, and looking at it again when the call is over.

Telling is at once and from memory alone; keeping waits for the disk. Whoever withdraws, pauses or forgets is obeyed in the middle of a call.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.errors import KithError
from bot.memory.grams import grams, likeness
from bot.memory.keepable import is_sensitive, may_keep, tidy
from bot.memory.listening import Listening, SpokenLine
from bot.memory.notebook import Finding
from bot.memory.recollection import CANDIDATES, SAME, Recollection
from bot.memory.room import Room
from bot.memory.shelves import Shelves
from bot.memory.terms import RECAP_HOURS, STRICT_DAYS, USUAL_DAYS, Outcome, Recall, language_of
from bot.storage.consent import Scope
from bot.storage.guilds import MemoryMode
from bot.storage.memories import ROOM, Kind, Memory, Proposal, RecapPoint

RECALL_TOKENS: Final = 600
CLOSE_S: Final = 20.0
DIGEST_S: Final = 15.0
REMEMBERED: Final = 40
"""Things that one call may ask to have remembered: a model that loops fills no shelf."""

DROPPED: Final = 64
"""Texts that somebody threw away during the call; the digest does not bring them up again."""

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
        closed: Callable[[CallMemory], None],
    ) -> None:
        self.guild_id = guild_id
        self.channel_id = channel_id
        self.call_id = call_id
        self.mode = mode
        self.paused = set(paused)
        self.recollection = Recollection((), shelves.now(), self._is_known)
        self._shelves = shelves
        self._closed = closed
        self.is_closed = False
        self._listening = Listening(self._who)
        self._told: set[str] = set()  # bounded by the recollection
        self._used: set[str] = set()  # bounded by the recollection
        self._fresh: set[str] = set()  # bounded by REMEMBERED
        self._last: tuple[frozenset[int], int, tuple[Memory, ...]] | None = None
        self._asked: set[int] = set()  # bounded by who is in the call
        self._dropped: deque[tuple[int, frozenset[str]]] = deque(maxlen=DROPPED)
        self._remembered = 0

    # ------------------------------------------------------------------------ telling

    def recall(self, present: frozenset[int], budget_tokens: int = RECALL_TOKENS) -> Recall:
        """What the people who are there may be told of what is remembered; it counts as told from here on.

        What this very call gave to remember is left out (the model heard it) until its session is renewed. An empty room is told nothing, and
        nothing is taken back for it.
        """
        if not present:
            return Recall(())
        room, now = Room(self.guild_id, present), self._shelves.now()
        is_withdrawn = not all(self._may_tell(memory_id, room, now) for memory_id in self._told)
        if is_withdrawn:
            self._told.clear()
            self._fresh.clear()
            self._last = None
        if self.mode is MemoryMode.OFF:
            return Recall((), is_withdrawn)
        if self._last is not None and self._last[:2] == (present, budget_tokens):
            return Recall(self._last[2], is_withdrawn)
        chosen = self.recollection.recall(room, budget_tokens, now, self._fresh)
        self._tell(chosen, now)
        self._last = (present, budget_tokens, chosen)
        return Recall(chosen, is_withdrawn)

    def search(self, words: str, present: frozenset[int], limit: int = 5) -> tuple[Memory, ...]:
        """What fits the words, or concerns whom they name, and may be told to the room, the best first; it counts as told."""
        if not present or self.mode is MemoryMode.OFF:
            return ()
        now = self._shelves.now()
        about = self._listening.named(words)
        found = self.recollection.search(words, Room(self.guild_id, present), limit, now, about)
        self._tell(found, now)
        return found

    async def let_rest(self, words: str, subject_id: int, present: frozenset[int]) -> bool:
        """The member wants something of theirs left alone: what fits the words best is told to no room any more. False: nothing of theirs fits.

        Raises `StorageError`. They know it themselves, so the model's session need not forget it: it is only not told again.
        """
        async with self._shelves.writing:
            room, now = Room(self.guild_id, present), self._shelves.now()
            found = self.recollection.search(words, room, CANDIDATES, now)
            mine = next((one for one in found if one.subject_id == subject_id), None)
            if mine is None:
                return False
            changed = await self._shelves.memories.change(self.guild_id, subject_id, mine.memory_id, is_muted=True)
            self._told.discard(mine.memory_id)
            if changed is not None:
                self.learned(changed)
            return changed is not None

    def _tell(self, memories: Sequence[Memory], now: datetime) -> None:
        ids = {memory.memory_id for memory in memories}
        self._told |= ids
        self.recollection.used(ids - self._used, now)
        self._used |= ids

    def _may_tell(self, memory_id: str, room: Room, now: datetime) -> bool:
        memory = self.recollection.get(memory_id)
        is_on = self.mode is not MemoryMode.OFF
        return is_on and memory is not None and self.recollection.may_tell(memory, room, now)

    def _is_known(self, subject_id: int) -> bool:
        return subject_id == ROOM or self._may_keep_of(subject_id)

    # ------------------------------------------------------------------------ listening

    def tick(self, now: float) -> None:
        """Time passes, whatever happens."""
        self._listening.tick(now)

    def meet(self, user_id: int, name: str, now: float) -> None:
        """Somebody is there; what names them can be found."""
        self._listening.meet(user_id, name, now)

    def hear(self, line: SpokenLine, now: float) -> None:
        """A line of the talk goes into the notebook, as far as its member agreed."""
        self._listening.hear(line, now, is_noting=self.mode is not MemoryMode.OFF and not self.is_closed)

    def go_off_record(self, until: float) -> None:
        """Nothing of what is said from now until then enters the notebook. Monotonic seconds."""
        self._listening.go_off_record(until)

    def is_off_record(self, now: float) -> bool:
        return self._listening.is_off_record(now)

    def forget_member(self, user_id: int) -> None:
        """They withdrew, or were forgotten: whatever they said in this call is gone from here."""
        self._listening.forget(user_id)

    def _who(self, scope: Scope) -> frozenset[int]:
        """Who agrees to it at present, with effect."""
        agreements = self._shelves.agreements
        return (agreements.who(self.guild_id, scope) & agreements.who(self.guild_id)) - self.paused

    def _may_keep_of(self, user_id: int, scope: Scope = Scope.REMEMBER) -> bool:
        return user_id not in self.paused and self._shelves.agreed(self.guild_id, user_id, scope)

    # ------------------------------------------------------------------------ keeping

    async def remember(
        self,
        text: str,
        kind: Kind,
        subject_id: int,
        speaker_id: int,
        present: frozenset[int],
        language: str,
        *,
        is_shareable: bool = False,
    ) -> Outcome:
        """The model's `remember`: kept or proposed as the server's mode says. Raises `StorageError`.

        What concerns nobody in particular (`ROOM`) belongs to whoever said it, so that somebody can see and forget it. What a member says of another
        is a proposal to that other. Sensitive things are taken from their subject alone.
        """
        subject_id = speaker_id if subject_id == ROOM else subject_id
        self.mode = (await self._shelves.rules.get(self.guild_id)).memory
        text = tidy(text)
        # Whoever came after the words were spoken did not hear them.
        source = self._listening.source(text, speaker_id)
        heard_by = (present if source is None else present & source.heard_by) | {speaker_id}
        async with self._shelves.writing:
            # Not before: minds may change while others write.
            refusal = self._refusal(text, subject_id, speaker_id)
            if refusal is not None:
                return refusal
            if source is not None and source.is_off_record:
                return Outcome.OFF_RECORD
            self._remembered += 1
            known = self.recollection.alike(subject_id, text)
            if known is not None and tidy(known.text).casefold() == text.casefold() and heard_by <= known.heard_by:
                return Outcome.KEPT
            if self.mode is MemoryMode.USUAL and subject_id == speaker_id:
                await self._keep(text, kind, subject_id, heard_by, language, is_shareable, known)
                return Outcome.KEPT
            finding_by = heard_by | {subject_id}
            await self._propose([self._proposal(text, kind, subject_id, speaker_id, finding_by, language)])
            return Outcome.PROPOSED

    def _refusal(self, text: str, subject_id: int, speaker_id: int) -> Outcome | None:
        if self.mode is MemoryMode.OFF:
            return Outcome.OFF
        if self.is_off_record(self._listening.now):
            return Outcome.OFF_RECORD
        if not (self._may_keep_of(speaker_id) and self._may_keep_of(subject_id)):
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
        is_shareable: bool,
        known: Memory | None,
    ) -> None:
        """A memory of what its subject said themselves. What says nearly the same makes room for it."""
        is_same = known is not None and tidy(known.text).casefold() == text.casefold()
        memory = Memory(
            guild_id=self.guild_id,
            memory_id=secrets.token_hex(16),
            subject_id=subject_id,
            speaker_id=subject_id,
            heard_by=heard_by | known.heard_by if known is not None and is_same else heard_by,
            kind=kind,
            text=text,
            language=language,
            made_at=self._shelves.now(),
            is_shareable=is_shareable or (known is not None and is_same and known.is_shareable),
            is_muted=known is not None and known.is_muted,
        )
        await self._shelves.memories.add(memory)
        self.learned(memory)
        self._fresh.add(memory.memory_id)
        if known is not None:
            await self._shelves.memories.forget(self.guild_id, subject_id, {known.memory_id})
            self.recollection.drop([known.memory_id])
            if known.memory_id in self._told:
                self._told ^= {known.memory_id, memory.memory_id}  # the model was told as good as this

    def _proposal(
        self, text: str, kind: Kind, subject_id: int, speaker_id: int, heard_by: frozenset[int], language: str
    ) -> Proposal:
        now = self._shelves.now()
        days = USUAL_DAYS if self.mode is MemoryMode.USUAL else STRICT_DAYS
        return Proposal(
            guild_id=self.guild_id,
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

    async def _propose(self, proposals: Sequence[Proposal]) -> None:
        """Those that say something new."""
        new: list[Proposal] = []
        for proposal in proposals:
            open_ones = await self._shelves.memories.proposals(self.guild_id, proposal.subject_id)
            texts = [one.text for one in (*open_ones, *new) if one.subject_id == proposal.subject_id]
            if not any(likeness(grams(text), grams(proposal.text)) >= SAME for text in texts):
                new.append(proposal)
            self._asked.add(proposal.subject_id)
        if new:
            await self._shelves.memories.propose(new)

    # ------------------------------------------------------------------------ what others change meanwhile

    def learned(self, memory: Memory) -> None:
        """A memory is there, or has another state."""
        self.recollection.put(memory)
        self._last = None

    def dropped(self, memory_ids: Iterable[str], user_id: int) -> None:
        """Its subject has thrown it away: it is not told again, nor proposed at the end of this call."""
        for memory_id in memory_ids:
            memory = self.recollection.get(memory_id)
            if memory is not None and memory.subject_id == user_id:
                self.unwanted(user_id, memory.text)
                self.recollection.drop([memory_id])
        self._last = None

    def refresh(self) -> None:
        """What may be told has changed without a memory having changed."""
        self._last = None

    def unwanted(self, user_id: int, text: str) -> None:
        self._dropped.append((user_id, grams(text)))

    def erased(self, user_id: int) -> None:
        """Everything of a member is gone."""
        self.recollection.drop_subject(user_id)
        self.forget_member(user_id)
        self._asked.discard(user_id)
        self._last = None

    # ------------------------------------------------------------------------ the end

    async def close(self) -> frozenset[int]:
        """The call is over: the talk is summed up, and what was told is marked as used. Who has proposals to look at.

        Takes 20 s at most. What fails is logged and left: the end of a call waits for no model.
        """
        if self.is_closed:
            return frozenset()
        self.is_closed = True
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._mark_used()
                await self._digest()
        except TimeoutError:
            _log.warning("memory_not_digested", reason="took too long")
        except KithError as error:
            _log.warning("memory_not_digested", reason=type(error).__name__)
        finally:
            self._listening.notebook.clear()
            self._closed(self)
        return frozenset(user_id for user_id in self._asked if self._may_keep_of(user_id))

    async def _mark_used(self) -> None:
        used = [memory_id for memory_id in self._used if self.recollection.get(memory_id) is not None]
        if used:
            await self._shelves.memories.mark_used(self.guild_id, used, self._shelves.now())

    async def _digest(self) -> None:
        self.mode = (await self._shelves.rules.get(self.guild_id)).memory
        self._retain()
        if self._shelves.digester is None or self.mode is MemoryMode.OFF or not self._listening.notebook.has_members:
            return
        lines, language = self._listening.notebook.lines(), language_of(self._listening.notebook.text_of_members())
        async with asyncio.timeout(DIGEST_S):
            points = await self._shelves.digester.digest(lines, language, self.guild_id)
        async with self._shelves.writing:
            # Minds may have changed while the model was thinking.
            self.mode = (await self._shelves.rules.get(self.guild_id)).memory
            self._retain()
            if self.mode is not MemoryMode.OFF:
                found = [one for one in self._listening.notebook.findings(points) if self._is_welcome(one)]
                await self._propose([self._proposed(one) for one in found if one.point.kind is not Kind.DIGEST])
                await self._write_recap([one for one in found if one.point.kind is Kind.DIGEST])

    def _retain(self) -> None:
        members = self._shelves.agreements.who(self.guild_id)
        self._listening.notebook.retain(
            [user_id for user_id in members if self._may_keep_of(user_id)],
            [user_id for user_id in members if self._may_keep_of(user_id, Scope.TRANSCRIPT)],
        )

    def _is_welcome(self, finding: Finding) -> bool:
        """Nothing sensitive, nothing that is remembered already, nothing that was thrown away in this very call."""
        text, user_id = finding.point.text, finding.user_id
        if is_sensitive(text):
            return False
        if finding.point.kind is Kind.DIGEST:
            return True
        wanted = grams(text)
        is_dropped = any(who == user_id and likeness(old, wanted) >= SAME for who, old in self._dropped)
        return not is_dropped and self.recollection.alike(user_id, text) is None

    def _proposed(self, finding: Finding) -> Proposal:
        point, user_id = finding.point, finding.user_id
        return self._proposal(point.text, point.kind, user_id, user_id, finding.heard_by, language_of(point.text))

    async def _write_recap(self, findings: Sequence[Finding]) -> None:
        now = self._shelves.now()
        points = [
            RecapPoint(
                guild_id=self.guild_id,
                point_id=secrets.token_hex(16),
                call_id=self.call_id,
                channel_id=self.channel_id,
                user_id=finding.user_id,
                heard_by=finding.heard_by,
                text=finding.point.text,
                made_at=now,
                expires_at=now + timedelta(hours=RECAP_HOURS),
            )
            for finding in findings
        ]
        if points:
            await self._shelves.recaps.add(points)
