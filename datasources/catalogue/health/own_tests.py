"""Tests of a source that a sweep asks for, each by a run of its own: they wait for their turn as every job does."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from datasources.catalogue.tables import DataSource, Job
from datasources.model.steps import SCHEDULE


def own_test(source: DataSource, steps: Sequence[str], limit_seconds: int) -> Job:
    """A test of the source that asks no questions. The caller holds the source's lock, and adds it."""
    return Job(
        organization_id=source.organization_id,
        source_id=source.id,
        source_revision=source.revision,
        trigger=SCHEDULE,
        steps=list(steps),
        on_question="fail",
        deadline=datetime.now(UTC) + timedelta(seconds=limit_seconds),
    )
