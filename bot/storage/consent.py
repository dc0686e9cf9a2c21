"""Who agreed to be heard: the ledger that the media plane asks before it decrypts anything.

`allowed` is answered from memory, at once, and fails closed: a guild that was not loaded has nobody who agreed, and agreement to an
older notice, or to another recipient of what is said, is none. Agreement counts from its commit on; withdrawal counts from the call on, before the disk is even asked, and
wins over an agreement that is still on its way. A withdrawal that could not be written stays in force here and is written at the next chance.

Proof: as long as a member is heard or anything is kept of them, the row says which notice they agreed to, when, and when they took it back. Who is
erased leaves no row, nor a hash of one: with everything gone that the agreement was for there is nothing left to justify, and a hash of an
id would still be that person's.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.aggregate import Aggregate
from bot.storage.database import Database
from bot.storage.tables import ConsentRow

NOTICE_VERSION: Final = 2
"""Raised whenever `consent-explain` changes in substance: then everyone is asked anew."""


class Scope(StrEnum):
    """What a member agrees to; each by itself, and none without `LISTEN` being in force has any effect."""

    LISTEN = "listen"  # the model may hear them
    REMEMBER = "remember"  # what they say of themselves may be kept for later calls
    TRANSCRIPT = "transcript"  # what they say may be kept as text for a day, for `/recap`


Subject = tuple[int, int, Scope]
"""Guild, user, scope."""


class ConsentLedger(Aggregate):
    """One per process. `allowed` may be called from anywhere on the loop; the rest is awaited."""

    name: ClassVar = "consent"
    tables: ClassVar = (ConsentRow,)

    def __init__(self, database: Database, sent_to: str, notice_version: int = NOTICE_VERSION) -> None:
        """`sent_to`: who is told what members say (`bot.provenance.recipient`). Nobody agreed to another."""
        super().__init__(database)
        self.sent_to = sent_to
        self._notice_version = notice_version
        self._granted: dict[int, set[Subject]] = {}
        self._unsaved: dict[Subject, datetime] = {}
        self._withdrawals: Counter[Subject] = Counter()

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
        async with self.writing:
            if guild_id in self._granted:
                return
            before = self._withdrawals.copy()
            async with self._database.transaction() as session:
                rows = await session.scalars(
                    select(ConsentRow).where(
                        ConsentRow.guild_id == guild_id,
                        ConsentRow.withdrawn_at.is_(None),
                        ConsentRow.notice_version == self._notice_version,
                        ConsentRow.sent_to == self.sent_to,
                        ConsentRow.scope.in_([scope.value for scope in Scope]),
                    )
                )
                valid = {(guild_id, row.user_id, Scope(row.scope)) for row in rows}
            withdrawn = {subject for subject in valid if self._withdrawals[subject] != before[subject]}
            self._granted[guild_id] = valid - withdrawn - self._unsaved.keys()

    async def allow(self, guild_id: int, user_id: int, scope: Scope = Scope.LISTEN) -> None:
        """The member agrees to the present notice and recipient. Raises `StorageError`, and then nothing has changed."""
        subject = (guild_id, user_id, scope)
        asked_at = self._withdrawals[subject]
        await self.load(guild_id)
        async with self.writing:
            if self._withdrawals[subject] != asked_at:
                return
            async with self._database.transaction() as session:
                await session.merge(
                    ConsentRow(
                        guild_id=guild_id,
                        user_id=user_id,
                        scope=scope.value,
                        notice_version=self._notice_version,
                        sent_to=self.sent_to,
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
        async with self.writing:
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

    # ------------------------------------------------------------------ erase and export

    def let_go(self, guild_id: int, user_id: int | None) -> None:
        """Nobody who is being erased is heard from here on; should the disk fail, it is a withdrawal that `save` writes later."""
        subjects = {subject for subject in self._granted.get(guild_id, ()) if user_id in (None, subject[1])}
        if user_id is not None:
            subjects |= {(guild_id, user_id, scope) for scope in Scope}
        for _, user, scope in subjects:
            self.revoke(guild_id, user, scope)

    async def erase_member(self, guild_id: int, user_id: int, session: AsyncSession | None = None) -> None:
        """Their agreements go, with the proof of them (see above)."""
        self.let_go(guild_id, user_id)
        async with self._written(session) as open_session:
            await open_session.execute(
                delete(ConsentRow).where(ConsentRow.guild_id == guild_id, ConsentRow.user_id == user_id)
            )

    async def erase_guild(self, guild_id: int, session: AsyncSession | None = None) -> None:
        """The guild is gone: so is every agreement given in it. It counts as one that was not loaded."""
        self.let_go(guild_id, None)
        async with self._written(session) as open_session:
            self._granted.pop(guild_id, None)
            await open_session.execute(delete(ConsentRow).where(ConsentRow.guild_id == guild_id))

    async def export_member(self, guild_id: int, user_id: int) -> Any:
        query = select(ConsentRow).where(ConsentRow.guild_id == guild_id, ConsentRow.user_id == user_id)
        async with self._database.transaction() as session:
            return [
                {
                    "scope": row.scope,
                    "notice_version": row.notice_version,
                    "sent_to": row.sent_to,
                    "granted_at": row.granted_at.isoformat(),
                    "withdrawn_at": row.withdrawn_at.isoformat() if row.withdrawn_at else None,
                }
                for row in await session.scalars(query.order_by(ConsentRow.scope))
            ]
