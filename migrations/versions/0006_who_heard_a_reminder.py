"""A reminder knows who heard it being set, in which language, and whether it was told already: its words wait for whoever asked, behind a button."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of those that are there nobody knows who heard them: nobody but whoever asked."""
    op.add_column("reminders", sa.Column("heard_by", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("reminders", sa.Column("language", sa.String(8), nullable=False, server_default=""))
    op.add_column("reminders", sa.Column("told_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """What was told already goes: the schema before this one would have it told again, words and all, to everybody."""
    op.execute(sa.text("DELETE FROM reminders WHERE told_at IS NOT NULL"))
    for column in ("told_at", "language", "heard_by"):
        op.drop_column("reminders", column)
