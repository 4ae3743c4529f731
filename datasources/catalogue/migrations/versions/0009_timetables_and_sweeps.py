"""Sources that are checked at the same times share a timetable; sweeps claim their sources."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

MOMENT = sa.DateTime(timezone=True)
MAKE_TIMETABLES = """
    INSERT INTO timetables (organization_id, plan)
    SELECT DISTINCT organization_id, plan - 'active' FROM data_sources WHERE deleted_at IS NULL AND plan IS NOT NULL
"""
GIVE_TIMETABLES = """
    UPDATE data_sources SET timetable_id = timetables.id,
        checks_paused = NOT coalesce((data_sources.plan->>'active')::boolean, true)
    FROM timetables
    WHERE data_sources.deleted_at IS NULL AND data_sources.plan IS NOT NULL
        AND timetables.organization_id = data_sources.organization_id
        AND timetables.plan = data_sources.plan - 'active'
"""
TESTED_IN_FULL = """
    UPDATE data_sources SET full_test_due_at = passed.at + interval '24 hours'
    FROM (SELECT source_id, max(checked_at) AS at FROM health_records
          WHERE passed AND checked_at > now() - interval '24 hours' AND steps ?& ARRAY[
              'connection', 'version_probe', 'temp_schema', 'schema_download', 'lineage_download']
          GROUP BY source_id) AS passed
    WHERE data_sources.id = passed.source_id
"""


def upgrade() -> None:
    """Apply this revision. The API gives Prefect the schedules of the new timetables when it starts."""
    op.create_table(
        "timetables",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("plan", JSONB(none_as_null=True), nullable=False),
        sa.Column("in_prefect", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], "fk_timetables_organization_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_timetables"),
    )
    op.create_index("ix_timetables_organization_id", "timetables", ["organization_id"])
    op.create_table(
        "sweeps",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("timetable_id", sa.BigInteger(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=True),
        sa.Column("heard_at", MOMENT, nullable=False),
        sa.Column("runs", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["timetable_id"], ["timetables.id"], "fk_sweeps_timetable_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_sweeps"),
        sa.UniqueConstraint("timetable_id", "due_at", name="uq_sweeps_timetable_id_due_at"),
    )
    op.create_index("ix_sweeps_open", "sweeps", ["id"], postgresql_where=sa.text("ended_at IS NULL"))
    op.create_table(
        "source_checks",
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("owner", sa.Uuid(), nullable=False),
        sa.Column("claimed_until", MOMENT, nullable=True),
        sa.Column("lost", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["data_sources.id"], "fk_source_checks_source_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("source_id", name="pk_source_checks"),
    )
    op.create_index("ix_source_checks_claimed_until", "source_checks", ["claimed_until"])
    op.add_column("data_sources", sa.Column("timetable_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        "fk_data_sources_timetable_id", "data_sources", "timetables", ["timetable_id"], ["id"], ondelete="SET NULL"
    )
    op.create_index("ix_data_sources_timetable_id", "data_sources", ["timetable_id"])
    paused: sa.Column[bool] = sa.Column("checks_paused", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    op.add_column("data_sources", paused)
    op.add_column("data_sources", sa.Column("full_test_due_at", MOMENT, nullable=True))
    op.alter_column("health_records", "job_id", nullable=True)
    op.drop_constraint("uq_status_changes_job_id", "status_changes")
    op.alter_column("status_changes", "job_id", nullable=True)
    _move_schedules()
    op.execute(TESTED_IN_FULL)


def _move_schedules() -> None:
    """One timetable for each distinct one of an organization."""
    op.execute(MAKE_TIMETABLES)
    op.execute(GIVE_TIMETABLES)
    op.execute("UPDATE data_sources SET plan = NULL WHERE timetable_id IS NULL AND plan IS NOT NULL")


def downgrade() -> None:
    """Undo this revision: sources keep their plans, which an older version has to be given in Prefect once more."""
    op.execute("DELETE FROM status_changes WHERE job_id IS NULL")
    op.execute("DELETE FROM health_records WHERE job_id IS NULL")
    op.execute(
        """DELETE FROM status_changes AS later USING status_changes AS earlier
        WHERE later.job_id = earlier.job_id AND later.id > earlier.id"""
    )
    op.alter_column("status_changes", "job_id", nullable=False)
    op.create_unique_constraint("uq_status_changes_job_id", "status_changes", ["job_id"])
    op.alter_column("health_records", "job_id", nullable=False)
    op.drop_column("data_sources", "full_test_due_at")
    op.drop_column("data_sources", "checks_paused")
    op.drop_column("data_sources", "timetable_id")
    op.drop_table("source_checks")
    op.drop_table("sweeps")
    op.drop_table("timetables")
