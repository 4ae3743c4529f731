"""Figures over all jobs, for those who watch the service: few queries, none of them over the whole history."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.tables import Job
from datasources.model.vocabulary import ErrorCode, JobStatus

NOT_ENDED_BY_WORKER = (ErrorCode.WORKER_LOST, ErrorCode.TIMEOUT)
NOT_CARRIED_OUT = [{"carried_out": False}]
"""What the results of a job contain when a step could not be carried out."""


class EndedJob(Struct, frozen=True):
    """What became of a job, and when."""

    id: int
    status: JobStatus
    error_code: str | None
    trigger: str
    created_at: datetime
    dispatched_at: datetime | None
    started_at: datetime | None
    ended_at: datetime
    reaped: bool
    """Ended by us, because its worker did not do it in time."""


class OpenJob(Struct, frozen=True):
    """A job that has not ended."""

    id: int
    created_at: datetime
    dispatched: bool
    started: bool
    asks: bool
    """Whether it waits for an answer."""


async def ended_since(session: AsyncSession, since: datetime) -> Sequence[EndedJob]:
    """Jobs that have ended after this time, the first one first."""
    reaped = and_(Job.error_code.in_(NOT_ENDED_BY_WORKER), Job.results.contains(NOT_CARRIED_OUT))
    found = await session.execute(
        select(
            Job.id,
            Job.status,
            Job.error_code,
            Job.trigger,
            Job.created_at,
            Job.dispatched_at,
            Job.started_at,
            Job.ended_at,
            func.coalesce(reaped, False),
        )
        .where(Job.ended_at > since)
        .order_by(Job.ended_at)
    )
    return [EndedJob(*row) for row in found]  # `ended_at` is not null here


async def unended(session: AsyncSession) -> Sequence[OpenJob]:
    """Jobs that have not ended, the oldest first."""
    found = await session.execute(
        select(
            Job.id, Job.created_at, Job.flow_run_id.is_not(None), Job.started_at.is_not(None), Job.question.is_not(None)
        )
        .where(Job.ended_at.is_(None))
        .order_by(Job.id)
    )
    return [OpenJob(*row) for row in found]
