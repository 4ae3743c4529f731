"""Checks that do not count in the uptime: those that a person asks for while setting a source up."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Apply this revision: what is there already counts, as it did."""
    op.add_column("jobs", sa.Column("counts", sa.Boolean(), nullable=True))
    op.add_column("health_records", sa.Column("counts", sa.Boolean(), server_default=sa.text("true"), nullable=False))


def downgrade() -> None:
    """Undo this revision: from now on all of them count."""
    op.drop_column("health_records", "counts")
    op.drop_column("jobs", "counts")
