"""Who agreed to be heard: the ledger that the media plane asks before it decrypts anything.

`allowed` is answered from memory, at once, and fails closed: a guild that was not loaded has nobody who agreed, and agreement to an
older notice is none. Agreement counts from its commit on; withdrawal counts from the call on, before the disk is even asked, and
wins over an agreement that is still on its way. A withdrawal that could not be written stays in force here and is written at the next chance.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import delete, select

from bot.storage.database import Database
from bot.storage.tables import ConsentRow

NOTICE_VERSION: Final = 1
"""Raised whenever `consent-explain` changes in substance (model, region, what is kept): then everyone is asked anew."""


class Scope(StrEnum):
    """What a member agrees to; each by itself, and none without `LISTEN` being in force has any effect."""

    LISTEN = "listen"  # the model may hear them
    REMEMBER = "remember"  # what they say of themselves may be kept for later calls
    TRANSCRIPT = "transcript"  # what they say may be kept as text for a day, for `/recap`


Subject = tuple[int, int, Scope]
"""Guild, user, scope."""


class ConsentLedger:
    """One per process. `allowed` may be called from anywhere on the loop; the rest is awaited."""

    def __init__(self, database: Database, notice_version: int = NOTICE_VERSION) -> None:
        self._database = database
        self._notice_version = notice_version
        self._granted: dict[int, set[Subject]] = {}
        self._unsaved: dict[Subject, datetime] = {}
        self._withdrawals: Counter[Subject] = Counter()
        self._writing = asyncio.Lock()

    def allowed(self, guild_id: int, user_id: int, scope: Scope = Scope.LISTEN) -> bool:
        return (guild_id, user_id, scope) in self._granted.get(guild_id, ())

    def who(self, guild_id: int, scope: Scope = Scope.LISTEN) -> frozenset[int]:
        """Everyone of this guild who agreed, whether in a call or not."""
        return frozenset(user for _, user, granted in self._granted.get(guild_id, ()) if granted is scope)

    @property
    def unsaved(self) -> int:
        """Withdrawals in force that the disk has not taken yet."""
        return len(self._unsaved)

    async def load(self, guild_id: int) -> None:
        """Read a guild's agreements, once. Raises `StorageError`; then the guild stays one where nobody agreed."""
        if guild_id in self._granted:
            return
        async with self._writing:
            if guild_id in self._granted:
                return
            before = self._withdrawals.copy()
            async with self._database.transaction() as session:
                rows = await session.scalars(
                    select(ConsentRow).where(
                        ConsentRow.guild_id == guild_id,
                        ConsentRow.withdrawn_at.is_(None),
                        ConsentRow.notice_version == self._notice_version,
                        ConsentRow.scope.in_([scope.value for scope in Scope]),
                    )
                )
                valid = {(guild_id, row.user_id, Scope(row.scope)) for row in rows}
            withdrawn = {subject for subject in valid if self._withdrawals[subject] != before[subject]}
            self._granted[guild_id] = valid - withdrawn - self._unsaved.keys()

    async def allow(self, guild_id: int, user_id: int, scope: Scope = Scope.LISTEN) -> None:
        """The member agrees to the present notice. Raises `StorageError`, and then nothing has changed."""
        subject = (guild_id, user_id, scope)
        asked_at = self._withdrawals[subject]
        await self.load(guild_id)
        async with self._writing:
            if self._withdrawals[subject] != asked_at:
                return
            async with self._database.transaction() as session:
                await session.merge(
                    ConsentRow(
                        guild_id=guild_id,
                        user_id=user_id,
                        scope=scope.value,
                        notice_version=self._notice_version,
                        granted_at=datetime.now(UTC),
                        withdrawn_at=None,
                    )
                )
            if self._withdrawals[subject] == asked_at:
                self._unsaved.pop(subject, None)
                self._granted[guild_id].add(subject)

    def revoke(self, guild_id: int, user_id: int, scope: Scope = Scope.LISTEN) -> None:
        """The member is heard no more, from this instant; `save` puts it on the disk."""
        subject = (guild_id, user_id, scope)
        self._withdrawals[subject] += 1
        self._granted.get(guild_id, set()).discard(subject)
        self._unsaved[subject] = datetime.now(UTC)

    async def withdraw(self, guild_id: int, user_id: int, scope: Scope = Scope.LISTEN) -> None:
        """`revoke`, and `save`. Raises `StorageError` if the disk does not know it yet; it is in force all the same."""
        self.revoke(guild_id, user_id, scope)
        await self.save()

    async def save(self) -> None:
        """Write the withdrawals that are not on the disk yet. What fails is tried again at the next call, and at the end."""
        async with self._writing:
            pending = dict(self._unsaved)
            if not pending:
                return
            async with self._database.transaction() as session:
                for (guild_id, user_id, scope), withdrawn_at in pending.items():
                    row = await session.get(ConsentRow, (guild_id, user_id, scope.value))
                    if row is not None and row.withdrawn_at is None:
                        row.withdrawn_at = withdrawn_at
            for subject, withdrawn_at in pending.items():
                if self._unsaved.get(subject) == withdrawn_at:
                    del self._unsaved[subject]

    async def forget_guild(self, guild_id: int) -> None:
        """The guild is gone: so is every agreement given in it."""
        for subject in self._granted.pop(guild_id, set()):
            self._withdrawals[subject] += 1
        async with self._writing:
            async with self._database.transaction() as session:
                await session.execute(delete(ConsentRow).where(ConsentRow.guild_id == guild_id))
            for subject in [one for one in self._unsaved if one[0] == guild_id]:
                del self._unsaved[subject]
