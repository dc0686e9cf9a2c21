"""The tables, and nothing else: no query, no rule.

Whatever belongs to a guild has the guild first in its key, so that no query can forget it. Every table says whose data it holds
(`info["owner"]`: guild or user); erasing a guild or a person goes by that word. Times are UTC. There is no column for speech.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    MetaData,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraints have names that we chose, so that a later migration can drop them on any database."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time. SQLite keeps no zone, so it is taken off on the way in and put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("expected an aware time; this one has no zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {int: BigInteger, datetime: UtcDateTime, list[int]: JSON}


def _held_by(owner: str) -> dict[str, Any]:
    return {"info": {"owner": owner}}


class GuildSettingsRow(Table):
    """What a guild chose. A guild without a row has chosen nothing."""

    __tablename__ = "guild_settings"
    __table_args__ = _held_by("guild")

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    persona: Mapped[str | None] = mapped_column(String(48))
    manager_role_ids: Mapped[list[int]] = mapped_column(default=list)
    approves_personas: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    updated_at: Mapped[datetime]


class GuildPersonaRow(Table):
    """A persona that members of a guild made or imported. `card`: the card it came from, for a lossless export."""

    __tablename__ = "guild_personas"
    __table_args__ = _held_by("guild")

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    slug: Mapped[str] = mapped_column(String(48), primary_key=True)
    document: Mapped[str] = mapped_column(Text)
    card: Mapped[str | None] = mapped_column(Text)
    made_by: Mapped[int]
    is_approved: Mapped[bool] = mapped_column(Boolean)
    made_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ChannelPersonaRow(Table):
    """Who speaks in a channel, where that is not the server's choice."""

    __tablename__ = "channel_personas"
    __table_args__ = _held_by("guild")

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    slug: Mapped[str] = mapped_column(String(48))


class MemberPersonaRow(Table):
    """Who speaks with a member when nobody else is there."""

    __tablename__ = "member_personas"
    __table_args__ = _held_by("user")

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    slug: Mapped[str] = mapped_column(String(48))


class ConsentRow(Table):
    """What a member of a guild agreed to. Withdrawn agreement stays as a row with its time: proof of both."""

    __tablename__ = "consent"
    __table_args__ = _held_by("user")

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    scope: Mapped[str] = mapped_column(String(16), primary_key=True)
    notice_version: Mapped[int] = mapped_column(SmallInteger)
    granted_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class CallRow(Table):
    """A call: when, where, and why it ended. Not who was there, not what was said."""

    __tablename__ = "calls"
    __table_args__ = _held_by("guild")

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    call_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    channel_id: Mapped[int]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(64))
