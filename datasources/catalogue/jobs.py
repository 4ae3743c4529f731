"""Jobs in the catalogue: accepted, dispatched, ended."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.sources import MAX_ID
from datasources.catalogue.tables import DataSource, Job
from datasources.model import Published
from datasources.words import ConfigurationCheckStep, JobStatus, Outcome


async def find_job(session: AsyncSession, organization_id: int, job_id: int) -> Job | None:
    """The job, if this organization has it."""
    if not 0 < job_id <= MAX_ID:
        return None
    return (
        await session.execute(select(Job).where(Job.id == job_id, Job.organization_id == organization_id))
    ).scalar_one_or_none()


async def open_job_ids(session: AsyncSession) -> frozenset[int]:
    """Every job that has not ended."""
    return frozenset(await session.scalars(select(Job.id).where(Job.ended_at.is_(None))))


async def jobs_to_follow(session: AsyncSession) -> Sequence[Job]:
    """Every open job about which there is something to do: it has a run, is to be cancelled, or its time is over."""
    due = or_(Job.flow_run_id.is_not(None), Job.cancel_requested_at.is_not(None), Job.deadline < func.now())
    return (await session.scalars(select(Job).where(Job.ended_at.is_(None), due).order_by(Job.id))).all()


async def mark_dispatched(session: AsyncSession, job_id: int, flow_run_id: UUID, deadline: datetime) -> bool:
    """Keep the flow run's id beside the job's. Returns whether the job is still open."""
    now = datetime.now(UTC)
    dispatched = await session.execute(
        update(Job)
        .where(Job.id == job_id, Job.ended_at.is_(None))
        .values(
            flow_run_id=flow_run_id,
            dispatched_at=func.coalesce(Job.dispatched_at, now),
            deadline=func.least(Job.deadline, deadline),
        )
        .returning(Job.id)
    )
    return dispatched.scalar_one_or_none() is not None


async def ask_off(session: AsyncSession, job: Job) -> None:
    """Note that somebody wants it cancelled; the first one counts. Commits."""
    asked = func.coalesce(Job.cancel_requested_at, func.now())
    await session.execute(update(Job).where(Job.id == job.id, Job.ended_at.is_(None)).values(cancel_requested_at=asked))
    await session.commit()
    await session.refresh(job)


async def end_job(session: AsyncSession, job: Job, status: JobStatus, published: list[Published]) -> bool:
    """Write the final answer, once: the first writer wins. Returns whether this was it."""
    now = datetime.now(UTC)
    ended = await session.execute(
        update(Job)
        .where(Job.id == job.id, Job.ended_at.is_(None))
        .values(status=status, ended_at=now, results=msgspec.to_builtins(published))
        .returning(Job.id)
    )
    if ended.scalar_one_or_none() is None:
        return False
    if status is not JobStatus.cancelled:
        await _note_on_source(session, job, status, published, now)
    return True


async def _note_on_source(
    session: AsyncSession, job: Job, status: JobStatus, published: list[Published], now: datetime
) -> None:
    by_task = {p.task: p for p in published}
    good = status is JobStatus.done
    connection = by_task.get("connection")
    connected = connection is not None and connection.result.outcome is Outcome.success
    values: dict[str, Any] = {
        "status": "active" if good else "failed",
        "last_tested_at": now,
        "failure_count": 0 if good else DataSource.failure_count + 1,
        "failure_reason": None if good else _reason(published),
        "last_test": {"tested_at": now.isoformat(timespec="microseconds"), "results": wire_steps(published)},
        "last_successful_connection_at" if connected else "last_failed_connection_at": now,
    }
    schema = by_task.get("schema_download")
    if schema is not None and schema.result.outcome is Outcome.success:
        values["schema_discovered_at"] = now
    await session.execute(update(DataSource).where(DataSource.id == job.source_id).values(**values))


def _reason(published: list[Published]) -> str | None:
    return next((p.result.message for p in published if p.result.outcome is Outcome.failed), None)


def wire_steps(published: list[Published]) -> list[dict[str, Any]]:
    """The four steps of an ended job as they are answered."""
    by_task = {p.task: p for p in published}
    return [
        {
            "step": step.value,
            "status": found.status.value,
            "result": msgspec.to_builtins(found.result),
        }
        for step in ConfigurationCheckStep
        if (found := by_task.get(step.value))
    ]


def deadline(limit_seconds: int, ahead: Iterable[Job] = ()) -> datetime:
    """When a job accepted now is ended by force: its limit counts from when those ahead of it are over at the latest.

    A job's turn may come sooner; then its time is over sooner as well.
    """
    begins = max([datetime.now(UTC), *(job.deadline for job in ahead)])
    return begins + timedelta(seconds=limit_seconds)
