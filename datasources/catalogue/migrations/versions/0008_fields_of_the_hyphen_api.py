"""What only the hyphen API has of a source, who changed it last, and whether a removed one can be restored."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

EMPTY = sa.text("'{}'::jsonb")
KEY = "fk_data_sources_updated_by_user_id"


def upgrade() -> None:
    """Apply this revision: a source that is removed already cannot be restored, as its secrets are gone."""
    dialect = sa.Column("dialect", postgresql.JSONB(none_as_null=True), server_default=EMPTY, nullable=False)
    op.add_column("data_sources", dialect)
    op.add_column("data_sources", sa.Column("updated_by_user_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f(KEY), "data_sources", "users", ["updated_by_user_id"], ["id"], ondelete="SET NULL")
    op.add_column(
        "data_sources", sa.Column("restorable", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )


def downgrade() -> None:
    """Undo this revision."""
    op.drop_column("data_sources", "restorable")
    op.drop_constraint(op.f(KEY), "data_sources", type_="foreignkey")
    op.drop_column("data_sources", "updated_by_user_id")
    op.drop_column("data_sources", "dialect")
