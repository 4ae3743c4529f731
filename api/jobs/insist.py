"""What a request does that waits for its test, when its time is over."""

from sqlalchemy.ext.asyncio import AsyncSession

from api.jobs.following.watch import Watch
from api.jobs.refresh import read_anew, wait_until_ended
from api.jobs.submit import Accepted
from api.wire.errors import Problem
from datasources.catalogue.jobs.jobs import request_cancel
from datasources.model.vocabulary import JobStatus

NOT_TAKEN_UP = "No worker took up the test within the limit; it has been cancelled"
CALLED_OFF_SECONDS = 1.0
"""Seconds after its limit in which a test that no worker took up is cancelled."""


async def insist(accepted: Accepted, session: AsyncSession, watch: Watch) -> None:
    """The time is over: 503 and no later run when no worker took it up; else the worker ends it in a moment.

    The job is called off by the request that had brought it: one that joined later has no say over the others.
    """
    job = accepted.job
    if job.ended_at is None:
        await read_anew(job, session, watch)
    run = watch.run_of(job.id)
    if job.ended_at is None and (run is None or run.started_at is None):
        if not accepted.joined:
            await request_cancel(session, job)
            await wait_until_ended(job, session, watch, CALLED_OFF_SECONDS)
        raise Problem(503, NOT_TAKEN_UP)
    await wait_until_ended(job, session, watch, 5)
    if job.status == JobStatus.cancelled and job.started_at is None:
        raise Problem(503, NOT_TAKEN_UP)
