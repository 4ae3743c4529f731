"""Changes of state keep what to do about them, and sources the hash of their badge's token."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Apply this revision."""
    op.add_column("status_changes", sa.Column("remediation", sa.Text(), nullable=True))
    op.add_column("data_sources", sa.Column("badge_hash", sa.LargeBinary(), nullable=True))
    op.create_unique_constraint(op.f("uq_data_sources_badge_hash"), "data_sources", ["badge_hash"])


def downgrade() -> None:
    """Undo this revision: public badges are gone."""
    op.drop_constraint(op.f("uq_data_sources_badge_hash"), "data_sources", type_="unique")
    op.drop_column("data_sources", "badge_hash")
    op.drop_column("status_changes", "remediation")
