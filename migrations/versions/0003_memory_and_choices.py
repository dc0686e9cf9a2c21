"""Memory and what goes with it (keys, proposals, recaps, reminders), usage, members' choices; a guild's choices become a row each, with an audit."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CHOICES = sa.table(
    "guild_choices",
    sa.column("guild_id", sa.BigInteger()),
    sa.column("name", sa.String()),
    sa.column("value", sa.Text()),
    sa.column("changed_at", sa.DateTime(timezone=True)),
)
SETTINGS = sa.table(
    "guild_settings",
    sa.column("guild_id", sa.BigInteger()),
    sa.column("persona", sa.String()),
    sa.column("manager_role_ids", sa.JSON()),
    sa.column("approves_personas", sa.Boolean()),
    sa.column("updated_at", sa.DateTime(timezone=True)),
)
AS_IT_COMES: dict[str, Any] = {"persona": None, "manager_role_ids": [], "approves_personas": False}


def _table(name: str, keys: dict[str, Any], columns: dict[str, Any], optional: tuple[str, ...] = ()) -> None:
    op.create_table(
        name,
        *(sa.Column(key, kind, autoincrement=False, nullable=False) for key, kind in keys.items()),
        *(sa.Column(column, kind, nullable=column in optional) for column, kind in columns.items()),
        sa.PrimaryKeyConstraint(*keys, name=f"pk_{name}"),
    )


def upgrade() -> None:
    guild = {"guild_id": sa.BigInteger()}
    member = {**guild, "user_id": sa.BigInteger()}
    time = sa.DateTime(timezone=True)
    _table("guild_choices", {**guild, "name": sa.String(48)}, {"value": sa.Text(), "changed_at": time})
    _table(
        "audit",
        {**guild, "change_id": sa.String(32)},
        {
            "user_id": sa.BigInteger(),
            "name": sa.String(48),
            "before": sa.Text(),
            "after": sa.Text(),
            "changed_at": time,
        },
        optional=("before", "after"),
    )
    _table("guild_keys", guild, {"wrapped": sa.LargeBinary(), "made_at": time})
    told = {
        "subject_id": sa.BigInteger(),
        "speaker_id": sa.BigInteger(),
        "heard_by": sa.JSON(),
        "kind": sa.String(16),
        "sealed": sa.LargeBinary(),
        "language": sa.String(8),
    }
    _table(
        "memories",
        {**guild, "memory_id": sa.String(32)},
        {
            **told,
            "is_shareable": sa.Boolean(),
            "is_muted": sa.Boolean(),
            "uses": sa.BigInteger(),
            "made_at": time,
            "used_at": time,
            "expires_at": time,
        },
        optional=("used_at", "expires_at"),
    )
    op.create_index("ix_memories_subject", "memories", ["guild_id", "subject_id"])
    _table(
        "memory_proposals",
        {**guild, "proposal_id": sa.String(32)},
        {**told, "made_at": time, "expires_at": time},
    )
    op.create_index("ix_memory_proposals_subject", "memory_proposals", ["guild_id", "subject_id"])
    _table(
        "recap_points",
        {**guild, "point_id": sa.String(32)},
        {
            "call_id": sa.String(32),
            "channel_id": sa.BigInteger(),
            "user_id": sa.BigInteger(),
            "heard_by": sa.JSON(),
            "sealed": sa.LargeBinary(),
            "made_at": time,
            "expires_at": time,
        },
    )
    op.create_index("ix_recap_points_channel", "recap_points", ["guild_id", "channel_id"])
    _table(
        "usage",
        {**member, "day": sa.Date(), "provider": sa.String(32), "model": sa.String(64)},
        dict.fromkeys(("heard_ms", "spoken_ms", "replies", "cost_micros"), sa.BigInteger()),
    )
    _table(
        "reminders",
        {**guild, "reminder_id": sa.String(32)},
        {
            "user_id": sa.BigInteger(),
            "channel_id": sa.BigInteger(),
            "sealed": sa.LargeBinary(),
            "due_at": time,
            "made_at": time,
        },
    )
    _table("member_choices", {**member, "name": sa.String(48)}, {"value": sa.Text(), "changed_at": time})
    _settings_to_choices()
    op.drop_table("guild_settings")


def _settings_to_choices() -> None:
    connection = op.get_bind()
    rows = [
        {"guild_id": row.guild_id, "name": name, "value": json.dumps(getattr(row, name)), "changed_at": row.updated_at}
        for row in connection.execute(sa.select(SETTINGS))
        for name, default in AS_IT_COMES.items()
        if getattr(row, name) != default
    ]
    if rows:
        connection.execute(CHOICES.insert(), rows)


def downgrade() -> None:
    op.create_table(
        "guild_settings",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("persona", sa.String(48), nullable=True),
        sa.Column("manager_role_ids", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approves_personas", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("guild_id", name="pk_guild_settings"),
    )
    _choices_to_settings()
    op.drop_table("member_choices")
    op.drop_table("reminders")
    op.drop_table("usage")
    op.drop_index("ix_recap_points_channel", "recap_points")
    op.drop_table("recap_points")
    op.drop_index("ix_memory_proposals_subject", "memory_proposals")
    op.drop_table("memory_proposals")
    op.drop_index("ix_memories_subject", "memories")
    op.drop_table("memories")
    op.drop_table("guild_keys")
    op.drop_table("audit")
    op.drop_table("guild_choices")


def _choices_to_settings() -> None:
    connection = op.get_bind()
    guilds: dict[int, dict[str, Any]] = {}
    known = sa.select(CHOICES).where(CHOICES.c.name.in_(list(AS_IT_COMES)))
    for row in connection.execute(known):
        guilds.setdefault(row.guild_id, {**AS_IT_COMES})[row.name] = json.loads(row.value)
    now = datetime.now(UTC)
    rows = [{"guild_id": guild_id, "updated_at": now, **chosen} for guild_id, chosen in guilds.items()]
    if rows:
        connection.execute(SETTINGS.insert(), rows)
