"""Addresses that sign in once, and public status pages.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New columns are nullable, and the table is new: processes of the version before go on."""
    op.create_table(
        "sign_in_links",
        sa.Column("key_id", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f("fk_sign_in_links_key_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_links")),
        sa.UniqueConstraint("hash", name=op.f("uq_sign_in_links_hash")),
    )
    op.create_index(op.f("ix_sign_in_links_key_id"), "sign_in_links", ["key_id"], unique=False)
    op.add_column("organizations", sa.Column("status_page", sa.Text(), nullable=True))
    op.create_unique_constraint(op.f("uq_organizations_status_page"), "organizations", ["status_page"])


def downgrade() -> None:
    """Back to 0006."""
    op.drop_constraint(op.f("uq_organizations_status_page"), "organizations", type_="unique")
    op.drop_column("organizations", "status_page")
    op.drop_table("sign_in_links")
