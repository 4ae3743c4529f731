"""A download of a source's schema that a request waits for."""

from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Member
from api.jobs.following.watch import Watch
from api.jobs.insist import insist
from api.jobs.refresh import wait_until_ended
from api.jobs.submit import Submitter
from api.wire.errors import Problem
from api.wire.requests import TestRequest
from datasources.catalogue.schemas.reading.overview import Overview, read_overview
from datasources.catalogue.tables import DataSource
from datasources.model.steps import KindOfTest
from datasources.model.vocabulary import JobStatus

LIMIT_SECONDS = 300
"""How long a request waits at most; the longest limit that a test may have."""


async def discover(
    submitter: Submitter, watch: Watch, session: AsyncSession, member: Member, source: DataSource
) -> Overview:
    """Have the source read, and answer what is kept of it then. The caller has locked the source.

    Raises `Problem`: 409 for a source whose schema is not to be kept, 424 when it could not be read, 503 when no worker
    took it up.
    """
    if source.fields.get("disable_schema_indexing"):
        raise Problem(409, "The schema of this data source is not kept: disable_schema_indexing is set")
    asked = TestRequest(timeout_seconds=LIMIT_SECONDS, on_question="fail")
    accepted = await submitter.accept(session, member, source, asked, KindOfTest.discovery)
    await wait_until_ended(accepted.job, session, watch, LIMIT_SECONDS)
    await insist(accepted, session, watch)
    job = accepted.job
    if job.status != JobStatus.done:
        raise Problem(424, f"The schema could not be read: {job.reason or 'the test was cancelled'}")
    overview = await read_overview(session, source.id)
    if overview is None or (job.started_at and overview.discovered_at < job.started_at):
        raise Problem(503, "The schema was read, but the catalogue could not keep it; try again")
    return overview
