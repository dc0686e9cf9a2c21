"""What every repository owes: to say which tables are its own, to erase and export what they hold of a guild or a member, and to let go of what is old.

`bot.storage.estate` asks all of them together; a test looks at every table for what an erase left behind.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.database import Database
from bot.storage.tables import Table


class Aggregate(ABC):
    """Some tables and the only code that reads and writes them.

    `erase_member` and `erase_guild` run in the session they are given, together with those of others and with `writing` held by the caller,
    or in a transaction of their own.
    """

    name: ClassVar[str]
    """Its part in an export."""

    tables: ClassVar[tuple[type[Table], ...]]

    def __init__(self, database: Database) -> None:
        self._database = database
        self.writing = asyncio.Lock()
        """Taken before the database wherever both are; so whoever erases takes it first too."""

    def let_go(self, guild_id: int, user_id: int | None) -> None:  # noqa: B027  most keep nothing in memory
        """What is kept in memory of a member (`None`: of the whole guild) goes, before the disk is asked."""

    async def clear_out(self, now: datetime) -> int:
        """What has had its time goes, in every guild: the policy says which and when. Answers how many rows there were."""
        return 0

    @abstractmethod
    async def erase_member(self, guild_id: int, user_id: int, session: AsyncSession | None = None) -> None:
        """Nothing in these tables names the member any more. What is another's stays, without this member's id."""

    @abstractmethod
    async def erase_guild(self, guild_id: int, session: AsyncSession | None = None) -> None:
        """No row of the guild is left in these tables."""

    @abstractmethod
    async def export_member(self, guild_id: int, user_id: int) -> Any:
        """What these tables hold of the member, as JSON takes it; `None`: they hold nothing of members."""

    @asynccontextmanager
    async def _written(self, session: AsyncSession | None) -> AsyncIterator[AsyncSession]:
        """The session of whoever erases more than this, or a transaction of our own."""
        if session is not None:
            yield session
            return
        async with self.writing, self._database.transaction() as own:
            yield own
