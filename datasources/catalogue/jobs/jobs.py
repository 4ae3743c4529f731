"""Jobs in the catalogue: accepted, dispatched, ended."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.health.record_check import record_check
from datasources.catalogue.tables import MAX_ID, Job
from datasources.health.verdict import first_failure
from datasources.model.questions import Question, to_question
from datasources.model.results import Published
from datasources.model.vocabulary import JobStatus

BY_CLIENT = "A client cancelled this test"
IN_PREFECT = "The run of this test was cancelled in Prefect"
"""Why a cancelled job ended."""


async def find_job(session: AsyncSession, organization_id: int, job_id: int) -> Job | None:
    """The job, if this organization has it."""
    if not 0 < job_id <= MAX_ID:
        return None
    return (
        await session.execute(select(Job).where(Job.id == job_id, Job.organization_id == organization_id))
    ).scalar_one_or_none()


async def newest_jobs(session: AsyncSession, source_id: int, limit: int) -> Sequence[Job]:
    """The tests of a source, open ones first in the order of their turns, then those that have ended, newest first."""
    open_first = case((Job.ended_at.is_(None), 0), else_=1)
    order = open_first, case((Job.ended_at.is_(None), Job.id)), Job.ended_at.desc()
    return (await session.scalars(select(Job).where(Job.source_id == source_id).order_by(*order).limit(limit))).all()


class OpenJobState(Struct, frozen=True):
    """Where a job stands that has not ended."""

    organization_id: int
    """Whose it is."""
    dispatched: bool
    """Whether it has been handed to Prefect."""
    question: Question | None
    """What it waits for."""


async def open_job_states(session: AsyncSession) -> Mapping[int, OpenJobState]:
    """Every job that has not ended, by id."""
    found = await session.execute(_STATES)
    return {id_: OpenJobState(owner, was, to_question(asked)) for id_, owner, was, asked in found}


async def jobs_to_follow(session: AsyncSession) -> Sequence[Job]:
    """Every open job about which there is something to do: it has a run, is to be cancelled, or its time is over."""
    return (await session.scalars(_TO_FOLLOW)).all()


_DISPATCHED = Job.flow_run_id.is_not(None)
_STATES = select(Job.id, Job.organization_id, _DISPATCHED, Job.question).where(Job.ended_at.is_(None))
_TO_FOLLOW = (
    select(Job)
    .where(Job.ended_at.is_(None), or_(_DISPATCHED, Job.cancel_requested_at.is_not(None), Job.deadline < func.now()))
    .order_by(Job.id)
)
"""Both are asked several times a test and every second: building one takes as long as asking it, so it is done once."""


async def open_jobs_of(session: AsyncSession, ids: Collection[int], flow_run_ids: Collection[UUID]) -> Sequence[Job]:
    """The open jobs of these numbers, and those that have these runs."""
    if not ids and not flow_run_ids:
        return []
    wanted = or_(Job.id.in_(ids), Job.flow_run_id.in_(flow_run_ids))
    return (await session.scalars(select(Job).where(Job.ended_at.is_(None), wanted).order_by(Job.id))).all()


async def mark_dispatched(session: AsyncSession, job_id: int, flow_run_id: UUID, deadline: datetime) -> bool:
    """Keep the flow run's id beside the job's. Returns whether the job is still open."""
    now = datetime.now(UTC)
    dispatched = await session.execute(
        update(Job)
        .where(Job.id == job_id, Job.ended_at.is_(None))
        .values(
            flow_run_id=flow_run_id,
            dispatched_at=func.coalesce(Job.dispatched_at, now),
            # It may have been quick, and ask already: then it has until its question expires.
            deadline=case((Job.question.is_(None), func.least(Job.deadline, deadline)), else_=Job.deadline),
        )
        .returning(Job.id)
    )
    return dispatched.scalar_one_or_none() is not None


async def request_cancel(session: AsyncSession, job: Job) -> None:
    """Note that a client wants it cancelled; the first request counts. Commits."""
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
        .values(
            status=status,
            ended_at=now,
            results=msgspec.to_builtins(published),
            question=None,
            run_secret=None,
            **_why(status, published),
        )
        .returning(Job.started_at)
    )
    row = ended.one_or_none()
    if row is None:
        return False
    if status is not JobStatus.cancelled and _taken_up(row.started_at, job.steps, published):
        await record_check(session, job, status, published, now)
    return True


def _taken_up(started_at: datetime | None, steps: Sequence[str], published: Sequence[Published]) -> bool:
    """Whether a worker took the job up; one that waited until its time was over says nothing of its source."""
    return started_at is not None or any(p.carried_out for p in published if p.task in steps)


def _why(status: JobStatus, published: list[Published]) -> dict[str, Any]:
    """Why a job did not pass."""
    if status is JobStatus.cancelled:
        reason = case((Job.cancel_requested_at.is_not(None), BY_CLIENT), else_=IN_PREFECT)
        return {"reason": reason, "error_code": None}
    failure = first_failure(published) if status is JobStatus.failed else None
    if failure is None:
        return {"reason": None, "error_code": None}
    return {"reason": failure.result.message, "error_code": failure.result.error_code}


def deadline(limit_seconds: int, ahead: Iterable[datetime] = ()) -> datetime:
    """When a job accepted now is ended by force: its limit counts from when those `ahead` of it are over at the latest.

    A job's turn may come sooner; then its time is over sooner as well.
    """
    begins = max([datetime.now(UTC), *ahead])
    return begins + timedelta(seconds=limit_seconds)


def ids_of(job: Job) -> dict[str, Any]:
    """What a line about a job says, as `extra` of the logger's methods."""
    return {"job_id": job.id, "source_id": job.source_id, "organization_id": job.organization_id}
