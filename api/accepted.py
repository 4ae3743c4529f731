"""How a request for a test becomes a job."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Member
from api.errors import invalid
from api.registration import decode
from api.schemas import TestRequest
from api.services import Services
from datasources.catalogue.jobs import deadline
from datasources.catalogue.tables import DataSource, Job


def read_request(body: bytes) -> TestRequest:
    """The optional body of a test; absent, empty and `{}` are the same. Raises `Invalid`."""
    try:
        return msgspec.convert(decode(body), TestRequest)
    except msgspec.ValidationError as error:
        raise invalid(error) from error


async def accept(
    session: AsyncSession,
    services: Services,
    member: Member,
    source: DataSource,
    asked: TestRequest,
    *,
    trigger: str,
    steps: list[str],
) -> Job:
    """Write the job down, then let the watch hand it to Prefect: a run never looks for a job that is not there."""
    job = Job(
        organization_id=source.organization_id,
        source_id=source.id,
        source_revision=source.revision,
        requested_by_user_id=member.user_id,
        trigger=trigger,
        steps=steps,
        test_query=services.vault.seal(asked.test_query) if asked.test_query else None,
        timeout_seconds=asked.timeout_seconds,
        on_question=asked.on_question or member.on_question,
        deadline=deadline(asked.timeout_seconds, services.settings.job_timeout),
    )
    session.add(job)
    await session.flush()
    await session.refresh(job)
    await session.commit()
    services.watch.hurry()
    return job
