"""Agreement says to whom: what was agreed to before nobody knows the recipient of, so it has no effect, and everybody is asked anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("consent", sa.Column("sent_to", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("consent", "sent_to")
