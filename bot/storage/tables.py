"""The tables, and nothing else: no query, no rule.

Whatever belongs to a guild has the guild first in its key, so that no query can forget it. Every table says whose data it holds
(`info["owner"]`: guild or user); erasing a guild or a person goes by that word. Times are UTC. There is no column for sound, and words that
were said or written in a talk stand in `sealed` columns only (`bot.storage.vault`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Dialect,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
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
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: BigInteger,
        date: Date,
        datetime: UtcDateTime,
        list[int]: JSON,
        bytes: LargeBinary,
    }


def _held_by(owner: str) -> dict[str, Any]:
    return {"info": {"owner": owner}}


class GuildChoiceRow(Table):
    """One thing that a guild chose (`bot.storage.guilds.GuildSettings`); `value` is JSON. What has no row is as it comes."""

    __tablename__ = "guild_choices"
    __table_args__ = _held_by("guild")

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(48), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime]


class AuditRow(Table):
    """Who changed which setting of a guild, when, from what to what (JSON; no row before or after: as it comes)."""

    __tablename__ = "audit"
    __table_args__ = _held_by("guild")

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    change_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[int]
    name: Mapped[str] = mapped_column(String(48))
    before: Mapped[str | None] = mapped_column(Text)
    after: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime]


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
    sent_to: Mapped[str] = mapped_column(Text)
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


class GuildKeyRow(Table):
    """The key that a guild's words are sealed with, itself sealed with the master key. Without it they are noise."""

    __tablename__ = "guild_keys"
    __table_args__ = _held_by("guild")

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    wrapped: Mapped[bytes]
    made_at: Mapped[datetime]


class MemoryRow(Table):
    """Something that is remembered (DESIGN section 6). `subject_id` 0: the room itself. `sealed`: the text."""

    __tablename__ = "memories"
    __table_args__ = (Index("ix_memories_subject", "guild_id", "subject_id"), _held_by("user"))

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    memory_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    subject_id: Mapped[int]
    speaker_id: Mapped[int]
    heard_by: Mapped[list[int]]
    kind: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes]
    language: Mapped[str] = mapped_column(String(8))
    is_shareable: Mapped[bool] = mapped_column(Boolean)
    is_muted: Mapped[bool] = mapped_column(Boolean)
    uses: Mapped[int]
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class ProposalRow(Table):
    """Something that might be remembered, until its subject says keep or drop, or its time is over."""

    __tablename__ = "memory_proposals"
    __table_args__ = (Index("ix_memory_proposals_subject", "guild_id", "subject_id"), _held_by("user"))

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    proposal_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    subject_id: Mapped[int]
    speaker_id: Mapped[int]
    heard_by: Mapped[list[int]]
    kind: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes]
    language: Mapped[str] = mapped_column(String(8))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class RecapRow(Table):
    """A point of a talk that `/recap` tells, by a member who agreed to that; it goes by itself within a day."""

    __tablename__ = "recap_points"
    __table_args__ = (Index("ix_recap_points_channel", "guild_id", "channel_id"), _held_by("user"))

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    point_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(32))
    channel_id: Mapped[int]
    user_id: Mapped[int]
    heard_by: Mapped[list[int]]
    sealed: Mapped[bytes]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class UsageRow(Table):
    """What was used on a day (UTC), a row a member and model. `user_id` 0: replies that nobody in particular asked for. Money in millionths."""

    __tablename__ = "usage"
    __table_args__ = _held_by("user")

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(32), primary_key=True)
    model: Mapped[str] = mapped_column(String(64), primary_key=True)
    heard_ms: Mapped[int]
    spoken_ms: Mapped[int]
    replies: Mapped[int]
    cost_micros: Mapped[int]


class ReminderRow(Table):
    """A timer or a reminder that somebody asked for aloud. `sealed`: what of. `heard_by`: who heard that. `told_at`: since when its words wait for
    whoever asked."""

    __tablename__ = "reminders"
    __table_args__ = _held_by("user")

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reminder_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[int]
    channel_id: Mapped[int]
    heard_by: Mapped[list[int]]
    language: Mapped[str] = mapped_column(String(8))
    sealed: Mapped[bytes]
    due_at: Mapped[datetime]
    made_at: Mapped[datetime]
    told_at: Mapped[datetime | None]


class MemberChoiceRow(Table):
    """What a member chose for themselves in a guild (`memory-paused`); `value` is JSON."""

    __tablename__ = "member_choices"
    __table_args__ = _held_by("user")

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(48), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime]


class PersonaFilesRow(Table):
    """What the card of a guild's persona brought besides its text (`bot.personas.cards.files`): read for its export and to show it alone.

    `assets`: an archive. `picture_path`: where the picture lay in the card's own.
    """

    __tablename__ = "persona_files"
    __table_args__ = _held_by("guild")

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    slug: Mapped[str] = mapped_column(String(48), primary_key=True)
    format: Mapped[str] = mapped_column(String(8))
    picture_path: Mapped[str] = mapped_column(String(255))
    size_bytes: Mapped[int]
    picture: Mapped[bytes | None]
    assets: Mapped[bytes | None]
