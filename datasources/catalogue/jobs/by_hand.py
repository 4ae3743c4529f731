"""Jobs of runs that an operator starts in Prefect: no client asked for them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.health.own_tests import own_test
from datasources.catalogue.jobs.queue import claimed_until, lock_source, may_begin, queue_of
from datasources.catalogue.tables import DataSource, Job
from datasources.model.steps import KindOfTest, steps_of


class Begun(Struct, frozen=True):
    """The job of a run that goes ahead."""

    job_id: int
    organization_id: int
    source_name: str


async def begin(
    session: AsyncSession, source_id: int, flow_run_id: UUID, now: datetime, limit_seconds: int, slots: int
) -> Begun | str:
    """Write the job down, or say why this run has nothing to do. Once for each flow run; the caller commits.

    Where the organization may have none of the `slots`, the job waits for its turn as one that was asked for does,
    and gets another run.
    """
    source = await lock_source(session, source_id)
    if source is None:
        return f"Data source {source_id} no longer exists"
    own = (await session.scalars(select(Job).where(Job.flow_run_id == flow_run_id))).one_or_none()
    if own is not None and own.ended_at is None:  # this run was begun before, and was suspended or started again
        return Begun(own.id, source.organization_id, source.name)
    if why := _idle(source) or _taken(own, await queue_of(session, source.id)):
        return why
    has_slot = await may_begin(session, source.organization_id, slots)
    if await claimed_until(session, source.id):
        return "A sweep is checking this data source"
    job = own_test(source, steps_of(KindOfTest.full), limit_seconds)
    if has_slot:
        job.flow_run_id, job.dispatched_at = flow_run_id, now
    session.add(job)
    await session.flush()
    if not has_slot:
        return f"Other tests of this organization are under way; job {job.id} waits for its turn"
    return Begun(job.id, source.organization_id, source.name)


def _idle(source: DataSource) -> str | None:
    return "The data source is paused" if source.fields.get("is_paused") else None


def _taken(own: Job | None, queue: Sequence[Job]) -> str | None:
    if own is not None:
        return f"Job {own.id} of this run has ended"
    return f"Job {queue[0].id} is already testing this data source" if queue else None
