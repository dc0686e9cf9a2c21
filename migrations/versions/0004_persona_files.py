"""The picture and the files that a Character Card brought, beside the persona that was made of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "persona_files",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slug", sa.String(48), nullable=False),
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("picture_path", sa.String(255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("picture", sa.LargeBinary(), nullable=True),
        sa.Column("assets", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("guild_id", "slug", name="pk_persona_files"),
    )


def downgrade() -> None:
    op.drop_table("persona_files")
