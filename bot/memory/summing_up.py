"""Looking at a talk again when it is over: what a digest finds in it becomes proposals to their subjects, and points of a recap."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from bot.memory.grams import grams, likeness
from bot.memory.keepable import is_sensitive
from bot.memory.keeping import Keeping
from bot.memory.listening import Listening
from bot.memory.notebook import Finding
from bot.memory.permission import Permission
from bot.memory.recollection import SAME, Recollection
from bot.memory.shelves import Shelves
from bot.memory.terms import RECAP_HOURS, language_of
from bot.storage.consent import Scope
from bot.storage.memories import Kind, Proposal, RecapPoint

DIGEST_S: Final = 15.0

DROPPED: Final = 64
"""Texts that somebody threw away during the call; the digest does not bring them up again."""


class SummingUp:
    """One per call. `call_id`, `channel_id` (by then): where a recap belongs."""

    def __init__(
        self,
        channel_id: Callable[[], int],
        call_id: str,
        shelves: Shelves,
        permission: Permission,
        listening: Listening,
        recollection: Recollection,
        keeping: Keeping,
    ) -> None:
        self._channel_id = channel_id
        self._call_id = call_id
        self._shelves = shelves
        self._permission = permission
        self._listening = listening
        self._recollection = recollection
        self._keeping = keeping
        self._dropped: deque[tuple[int, frozenset[str]]] = deque(maxlen=DROPPED)

    def unwanted(self, user_id: int, text: str) -> None:
        """The member has thrown this away while the call was on."""
        self._dropped.append((user_id, grams(text)))

    async def digest(self) -> None:
        """Raises `KithError`, and `TimeoutError` when the digester takes too long."""
        notebook, digester = self._listening.notebook, self._shelves.digester
        await self._permission.look()
        self._retain()
        if digester is None or self._permission.is_off or not notebook.has_members:
            return
        lines, language = notebook.lines(), language_of(notebook.text_of_members())
        async with asyncio.timeout(DIGEST_S):
            points = await digester.digest(lines, language, self._permission.guild_id)
        async with self._shelves.writing:
            # Minds may have changed while the model was thinking.
            await self._permission.look()
            self._retain()
            if not self._permission.is_off:
                found = [one for one in notebook.findings(points) if self._is_welcome(one)]
                await self._keeping.propose([self._proposed(one) for one in found if one.point.kind is not Kind.DIGEST])
                await self._write_recap([one for one in found if one.point.kind is Kind.DIGEST])

    def _retain(self) -> None:
        may_keep_of = self._permission.may_keep_of
        members = self._shelves.agreements.who(self._permission.guild_id)
        self._listening.notebook.retain(
            [user_id for user_id in members if may_keep_of(user_id)],
            [user_id for user_id in members if may_keep_of(user_id, Scope.TRANSCRIPT)],
        )

    def _is_welcome(self, finding: Finding) -> bool:
        """Nothing sensitive, nothing that was thrown away in this very call; and what is remembered already only as a point of the recap."""
        text, user_id = finding.point.text, finding.user_id
        wanted = grams(text)
        if is_sensitive(text) or any(who == user_id and likeness(old, wanted) >= SAME for who, old in self._dropped):
            return False
        return finding.point.kind is Kind.DIGEST or self._recollection.alike(user_id, text) is None

    def _proposed(self, finding: Finding) -> Proposal:
        point, user_id = finding.point, finding.user_id
        language = language_of(point.text)
        return self._keeping.proposal(point.text, point.kind, user_id, finding.speaker_id, finding.heard_by, language)

    async def _write_recap(self, findings: Sequence[Finding]) -> None:
        now = self._shelves.now()
        points = [
            RecapPoint(
                guild_id=self._permission.guild_id,
                point_id=secrets.token_hex(16),
                call_id=self._call_id,
                channel_id=self._channel_id(),
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
