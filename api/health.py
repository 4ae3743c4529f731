"""The health of a source, from its finished tests."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.schemas import Health, HealthCheck
from datasources.catalogue.tables import DataSource, Job
from datasources.model import Published
from datasources.words import JobStatus

COUNTED = (JobStatus.done, JobStatus.failed)
"""A cancelled test says nothing about the source."""


async def health_of(session: AsyncSession, source: DataSource, limit: int) -> Health:
    """The newest `limit` checks, and figures over them; uptime is the share of checks that passed, in percent."""
    finished = select(Job).where(Job.source_id == source.id, Job.status.in_(COUNTED), Job.ended_at.is_not(None))
    jobs = (await session.scalars(finished.order_by(Job.ended_at.desc(), Job.id.desc()).limit(limit))).all()
    history = [_check(job) for job in jobs]
    times = [check.response_time_ms for check in history if check.response_time_ms is not None]
    passed = sum(check.status == "active" for check in history)
    failures = Job.status == JobStatus.failed, Job.source_id == source.id
    lately = select(func.count(Job.id)).where(*failures, Job.ended_at > datetime.now(UTC) - timedelta(hours=24))
    return Health(
        data_source_id=source.id,
        current_status=source.status,
        last_health_check=history[0] if history else None,
        health_history=history,
        uptime_percentage=round(100 * passed / len(history), 2) if history else None,
        avg_response_time_ms=round(sum(times) / len(times), 3) if times else None,
        min_response_time_ms=min(times, default=None),
        max_response_time_ms=max(times, default=None),
        failure_count_24h=await session.scalar(lately) or 0,
        last_failure_at=await session.scalar(select(func.max(Job.ended_at)).where(*failures)),
    )


def _check(job: Job) -> HealthCheck:
    published: Sequence[Published] = msgspec.convert(job.results or [], list[Published])
    return HealthCheck(
        status="active" if job.status == JobStatus.done else "failed",
        response_time_ms=_response_time(published),
        checked_at=job.ended_at or job.created_at,
    )


def _response_time(published: Sequence[Published]) -> float | None:
    """The time of the test query where there was one, of the connection otherwise, in milliseconds."""
    by_task = {p.task: p.result for p in published}
    query, connection = by_task.get("test_query"), by_task.get("connection")
    if query is not None and "response_time_ms" in query.details:
        return float(query.details["response_time_ms"])
    if connection is not None and connection.code == "OK" and connection.duration_ms is not None:
        return float(connection.duration_ms)
    return None
