"""Details that were kept before they had a limit are cut."""

from collections.abc import Sequence

from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

LIMIT = 64 * 1024
"""Bytes of a step's details as JSON."""
CUT = """
    UPDATE {table} SET {column} = {written}
    FROM (
        SELECT {table}.id AS row_id, jsonb_agg(
            CASE WHEN octet_length(step #>> '{{result,details}}') > {limit}
                THEN jsonb_set(step, '{{result,details}}', jsonb_build_object(
                    'cut', jsonb_build_object('details', octet_length(step #>> '{{result,details}}'))))
                ELSE step END
            ORDER BY number) AS steps
        FROM {table}, jsonb_array_elements({results}) WITH ORDINALITY AS found(step, number)
        GROUP BY {table}.id
        HAVING bool_or(octet_length(step #>> '{{result,details}}') > {limit})
    ) AS cut
    WHERE {table}.id = cut.row_id
"""
"""A row without such details is left as it is; `cut` in the details says how many bytes there were."""


def upgrade() -> None:
    """Apply this revision."""
    op.execute(CUT.format(table="jobs", column="results", written="cut.steps", results="jobs.results", limit=LIMIT))
    op.execute(
        CUT.format(
            table="data_sources",
            column="last_test",
            written="jsonb_set(last_test, '{results}', cut.steps)",
            results="(data_sources.last_test->'results')",
            limit=LIMIT,
        )
    )


def downgrade() -> None:
    """Undo this revision: what was cut is gone, and an older version reads what is left."""
