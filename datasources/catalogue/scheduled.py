"""Jobs that a schedule asks for, not a client."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.jobs import deadline
from datasources.catalogue.queue import lock_source, may_begin, queue_of
from datasources.catalogue.tables import DataSource, HealthRecord, Job
from datasources.health.plan import Plan
from datasources.model.steps import SCHEDULE, KindOfTest, steps_of

QUICK = steps_of(KindOfTest.quick)
FULL = steps_of(KindOfTest.full)
FULL_EVERY = timedelta(hours=24)
"""All steps are run when they last passed longer ago than this."""

LATENESS = timedelta(seconds=30)
"""A run that is no later than this is run although a newer one is due: on a busy machine, one that is checked every few
seconds would never be checked otherwise."""


class Due(Struct, frozen=True):
    """A run of a schedule."""

    source_id: int
    flow_run_id: UUID
    at: datetime
    """When it should have begun."""


class Begun(Struct, frozen=True):
    """The job of a run that goes ahead."""

    job_id: int
    organization_id: int
    source_name: str


async def begin(session: AsyncSession, due: Due, now: datetime, limit_seconds: int, slots: int) -> Begun | str:
    """Write the job down, or say why this run has nothing to do. Once for each flow run; the caller commits.

    Where the organization may have none of the `slots`, the job waits for its turn as one that was asked for does,
    and gets another run.
    """
    source = await lock_source(session, due.source_id)
    if source is None:
        return f"Data source {due.source_id} no longer exists"
    own = (await session.scalars(select(Job).where(Job.flow_run_id == due.flow_run_id))).one_or_none()
    if own is not None and own.ended_at is None:  # this run was begun before, and was suspended or started again
        return Begun(own.id, source.organization_id, source.name)
    if why := _idle(source, due, now) or _taken(own, await queue_of(session, source.id)):
        return why
    has_slot = await may_begin(session, source.organization_id, slots)
    job = Job(
        organization_id=source.organization_id,
        source_id=source.id,
        source_revision=source.revision,
        trigger=SCHEDULE,
        steps=await _steps(session, source.id, now),
        on_question="fail",
        deadline=deadline(limit_seconds),
        flow_run_id=due.flow_run_id if has_slot else None,
        dispatched_at=now if has_slot else None,
    )
    session.add(job)
    await session.flush()
    if not has_slot:
        return f"Other tests of this organization are under way; job {job.id} waits for its turn"
    return Begun(job.id, source.organization_id, source.name)


def _idle(source: DataSource, due: Due, now: datetime) -> str | None:
    if source.fields.get("is_paused"):
        return "The data source is paused"
    plan = Plan.read(source.plan)
    following = plan.next_after(due.at) if plan else None
    if following is not None and following <= now and now - due.at > LATENESS:
        return f"Too late: a newer check was due at {following.isoformat(timespec='seconds')}"
    return None


def _taken(own: Job | None, queue: Sequence[Job]) -> str | None:
    if own is not None:
        return f"Job {own.id} of this run has ended"
    return f"Job {queue[0].id} is already testing this data source" if queue else None


async def _steps(session: AsyncSession, source_id: int, now: datetime) -> list[str]:
    """All of them once a day, and until they pass; otherwise what shows that the source is there."""
    full = select(HealthRecord.id).where(
        HealthRecord.source_id == source_id,
        HealthRecord.passed.is_(True),
        HealthRecord.checked_at > now - FULL_EVERY,
        HealthRecord.steps.has_all(array(FULL)),
    )
    return QUICK if await session.scalar(full.limit(1)) else FULL
