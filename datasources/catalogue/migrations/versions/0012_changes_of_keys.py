"""The catalogue tells of changes of keys."""

from collections.abc import Sequence

from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

CHANGES = {
    "api_keys": "UPDATE OF hash, user_id, organization_id, on_question, revoked_at OR DELETE OR TRUNCATE",
    "memberships": "INSERT OR UPDATE OR DELETE OR TRUNCATE",
    "users": "UPDATE OF name OR DELETE OR TRUNCATE",
    "organizations": "UPDATE OF name OR DELETE OR TRUNCATE",
}
"""What may make a key worth something else; noting that a key was used is not among it."""


def upgrade() -> None:
    """Apply this revision."""
    op.execute(
        "CREATE FUNCTION tell_of_keys() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN NOTIFY sourcecheck_keys; RETURN NULL; END $$"
    )
    for table, changes in CHANGES.items():
        op.execute(
            f"CREATE TRIGGER tell_of_keys AFTER {changes} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION tell_of_keys()"
        )


def downgrade() -> None:
    """Take this revision back."""
    for table in CHANGES:
        op.execute(f"DROP TRIGGER tell_of_keys ON {table}")
    op.execute("DROP FUNCTION tell_of_keys()")
