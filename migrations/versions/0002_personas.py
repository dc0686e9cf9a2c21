"""Personas of guilds, whose they are in a channel or for a member, and whether an admin approves them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "guild_personas",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slug", sa.String(48), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("card", sa.Text(), nullable=True),
        sa.Column("made_by", sa.BigInteger(), nullable=False),
        sa.Column("is_approved", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "slug", name="pk_guild_personas"),
    )
    op.create_table(
        "channel_personas",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("channel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slug", sa.String(48), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "channel_id", name="pk_channel_personas"),
    )
    op.create_table(
        "member_personas",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slug", sa.String(48), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "user_id", name="pk_member_personas"),
    )
    with op.batch_alter_table("guild_settings") as table:
        table.add_column(sa.Column("approves_personas", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table("guild_settings") as table:
        table.drop_column("approves_personas")
    op.drop_table("member_personas")
    op.drop_table("channel_personas")
    op.drop_table("guild_personas")
