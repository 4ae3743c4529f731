"""Tests that are run again when they are lost: which attempts were lost, and what they had found."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Apply this revision: no attempt has been lost."""
    op.add_column("jobs", sa.Column("losses", JSONB(), nullable=True))
    op.add_column("jobs", sa.Column("found", JSONB(), nullable=True))


def downgrade() -> None:
    """Undo this revision: how often a test was tried is forgotten."""
    op.drop_column("jobs", "found")
    op.drop_column("jobs", "losses")
