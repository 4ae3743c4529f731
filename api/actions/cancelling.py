"""Cancelling a test that has not ended."""

from sqlalchemy.ext.asyncio import AsyncSession

from api.jobs.following.decide import CANCEL_SECONDS
from api.jobs.refresh import wait_until_ended
from api.jobs.view import view
from api.runtime import Services
from api.wire.schemas import AsyncDataSourceTestResults
from datasources.catalogue.jobs.jobs import request_cancel
from datasources.catalogue.tables import Job


async def cancel(session: AsyncSession, services: Services, job: Job) -> AsyncDataSourceTestResults:
    """How the job stands when it has ended, or after a few seconds; what was answered of it before is over."""
    await request_cancel(session, job)
    services.watch.look_at(job.id)
    await wait_until_ended(job, session, services.watch, CANCEL_SECONDS)
    answer = view(job, services.watch.run_of(job.id))
    services.answers.keep(job.organization_id, answer)
    return answer
