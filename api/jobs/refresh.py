"""Brings a job that a handler has read from the catalogue up to date, with its session.

Each of these commits first: that gives the connection back while nothing needs it.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from api.jobs.following.watch import Watch
from datasources.catalogue.tables import Job


async def read_known(job: Job, session: AsyncSession, watch: Watch) -> None:
    """An open job is answered as it was read last: a poller costs the catalogue one query, and Prefect nothing.

    The first poller of a job has it read for itself.
    """
    if job.ended_at is None and job.flow_run_id:
        known = watch.has_details(job.id) and watch.run_of(job.id) is not None
        watch.look_at(job.id)
        if not known:
            await read_anew(job, session, watch)


async def read_anew(job: Job, session: AsyncSession, watch: Watch) -> None:
    """By a reading that is made for it."""
    await session.commit()
    await watch.until_read(job.id)
    await session.refresh(job)


async def wait_until_ended(job: Job, session: AsyncSession, watch: Watch, seconds: float) -> None:
    """When it has ended, or the seconds are over."""
    if job.ended_at is None:
        await session.commit()
        await watch.until_ended(job.id, seconds)
        await session.refresh(job)


async def wait_until_ended_or_asking(job: Job, session: AsyncSession, watch: Watch, seconds: float) -> None:
    """When it has ended, when it waits for an answer, or the seconds are over."""
    if job.ended_at is None:
        await session.commit()
        await watch.until_ended_or_asking(job.id, seconds)
        await session.refresh(job)
