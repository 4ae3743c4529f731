"""The queue of one source: one test of it runs at a time, and the others wait in the order in which they came.

A job that waits for an answer, for up to a day, runs nothing, so no other job waits for it.
"""

from collections.abc import Sequence

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from datasources.catalogue.tables import DataSource, Job

OPEN = Job.ended_at.is_(None)


async def lock_source(session: AsyncSession, source_id: int) -> DataSource | None:
    """The source as it is now, None when it was removed; until the caller commits, no other transaction queues for it.

    Every transaction that adds a job takes this lock first: ids ascend in the order in which jobs become visible.
    """
    return (
        await session.execute(
            select(DataSource)
            .where(DataSource.id == source_id, DataSource.deleted_at.is_(None))
            .with_for_update(key_share=True)  # a finished job that refers to the source need not wait for us
            .execution_options(populate_existing=True)
        )
    ).scalar_one_or_none()


async def queue_of(session: AsyncSession, source_id: int) -> Sequence[Job]:
    """The open jobs of a source, oldest first."""
    return (await session.scalars(select(Job).where(Job.source_id == source_id, OPEN).order_by(Job.id))).all()


async def dispatchable(session: AsyncSession, limit: int) -> Sequence[tuple[Job, str]]:
    """Jobs whose turn it is, oldest first, each with the name of its source.

    The turn has come when no other open job of the source is older, or runs already.
    """
    other = aliased(Job)
    ahead = and_(
        other.source_id == Job.source_id,
        other.id != Job.id,
        other.ended_at.is_(None),
        other.question.is_(None),
        or_(other.id < Job.id, other.flow_run_id.is_not(None)),
    )
    found = await session.execute(
        select(Job, DataSource.name)
        .join(DataSource)
        .where(OPEN, Job.flow_run_id.is_(None), Job.cancel_requested_at.is_(None), Job.deadline > func.now())
        .where(~exists().where(ahead))
        .order_by(Job.id)
        .limit(limit)
    )
    return [(job, name) for job, name in found]


async def waiting_jobs(session: AsyncSession) -> int:
    """How many jobs have been accepted and not begun."""
    return await session.scalar(select(func.count()).select_from(Job).where(OPEN, Job.started_at.is_(None))) or 0
