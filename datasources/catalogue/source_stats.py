"""How every source is right now, for those who watch the service: one query, whatever the history's length."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import and_, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.health.overview import SAVED
from datasources.catalogue.tables import DataSource, HealthRecord, Job, Organization
from datasources.health.uptime import Record, stale


class SourceNow(Struct, frozen=True, kw_only=True):
    """A source, and what its newest check said."""

    id: int
    name: str
    type: str
    organization: str
    status: str
    failures: int
    """Failed checks in a row."""
    questions: int
    """Tests of it that wait for an answer."""
    last: Record | None
    """The newest check that says something about it."""

    def is_stale(self, now: datetime) -> bool:
        """Whether nothing is known about now."""
        return self.last is None or stale(self.last, now)


async def sources_now(session: AsyncSession, limit: int) -> tuple[list[SourceNow], int]:
    """The sources with the lowest ids, of every organization, and how many more there are."""
    newest = (
        select(HealthRecord)
        .where(HealthRecord.source_id == DataSource.id, HealthRecord.passed.is_not(None))
        .order_by(HealthRecord.checked_at.desc())
        .limit(1)
        .lateral("newest")
    )
    asking = select(Job.source_id, func.count().label("count")).where(Job.ended_at.is_(None), Job.question.is_not(None))
    asked = asking.group_by(Job.source_id).subquery("asked")
    live = and_(DataSource.deleted_at.is_(None), SAVED)
    rows = await session.execute(
        select(
            DataSource.id,
            DataSource.name,
            DataSource.type,
            Organization.name.label("organization"),
            DataSource.status,
            DataSource.failure_count,
            func.coalesce(asked.c.count, 0).label("questions"),
            newest.c.checked_at,
            newest.c.passed,
            newest.c.response_time_ms,
            newest.c.expected_seconds,
        )
        .join(Organization, Organization.id == DataSource.organization_id)
        .outerjoin(newest, true())
        .outerjoin(asked, asked.c.source_id == DataSource.id)
        .where(live)
        .order_by(DataSource.id)
        .limit(limit)
    )
    found = [_source(row) for row in rows]
    every = await session.scalar(select(func.count()).select_from(DataSource).where(live)) or 0
    return found, every - len(found)


def _source(row: Any) -> SourceNow:
    last = None
    if row.checked_at is not None:
        last = Record(
            checked_at=row.checked_at,
            passed=row.passed,
            response_time_ms=row.response_time_ms,
            expected_seconds=row.expected_seconds,
        )
    return SourceNow(
        id=row.id,
        name=row.name,
        type=row.type,
        organization=row.organization,
        status=row.status,
        failures=row.failure_count,
        questions=row.questions,
        last=last,
    )
