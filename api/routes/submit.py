"""How a request for a test becomes a job, or joins one."""

import logging
from collections.abc import Sequence

from litestar.datastructures import ResponseHeader
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Member
from api.limits import refuse_when_full
from api.runtime import Services
from api.wire.errors import Invalid, Problem
from api.wire.registration import read
from api.wire.schemas import TestRequest
from datasources.catalogue.jobs import deadline, ids_of
from datasources.catalogue.queue import lock_source, queue_of
from datasources.catalogue.tables import DataSource, Job
from datasources.databases import DATABASES
from datasources.model.errors import SecretsError
from datasources.secrecy.vault import Vault

logger = logging.getLogger("sourcecheck.jobs")

JOINED = "Sourcecheck-Joined"
"""Header of an answer whose job had been asked for already."""
JOINED_HEADER = ResponseHeader(
    name=JOINED,
    description="`true` when an equal request had asked for this test already, and both get the same answer",
    documentation_only=True,
)


class Accepted(Struct, frozen=True):
    """The job of a request, and whether somebody had asked for the same already."""

    job: Job
    joined: bool

    @property
    def headers(self) -> dict[str, str]:
        """What tells the client so."""
        return {JOINED: "true"} if self.joined else {}


class TestSpec(Struct, frozen=True):
    """What makes two requests for a test of one source equal."""

    revision: int
    steps: tuple[str, ...]
    test_query: str | None
    timeout_seconds: int | None
    on_question: str


def read_request(body: bytes) -> TestRequest:
    """The optional body of a test; absent, empty and `{}` are the same. Raises `Invalid`."""
    return read(body, TestRequest)


async def accept(
    session: AsyncSession,
    services: Services,
    member: Member,
    source: DataSource,
    asked: TestRequest,
    *,
    trigger: str,
    steps: list[str],
) -> Accepted:
    """Join the open job of an equal request, or write a new one down behind those that are open.

    The watch hands it to Prefect when its turn comes: a run never looks for a job that is not there.
    Raises `Problem`: 404 when the source has been removed meanwhile, 422 when its driver is not installed, 503 when too
    many jobs wait.
    """
    _require_driver(source.type)
    # Under the lock: of two equal requests at once, the second finds the job of the first.
    current = await lock_source(session, source.id)
    if current is None:
        raise Problem(404, "Data source not found")
    spec = TestSpec(
        revision=current.revision,
        steps=tuple(steps),
        test_query=asked.test_query,
        timeout_seconds=asked.timeout_seconds,
        on_question=asked.on_question or member.on_question,
    )
    queue = await queue_of(session, source.id)
    job = _equal(spec, queue, services.vault)
    joined = job is not None
    if job is None:
        await refuse_when_full(session, services.settings)
        job = _job(spec, services, member, current, queue, trigger)
        session.add(job)
        await session.flush()
        await session.refresh(job)
    await session.commit()
    services.watch.dispatch_soon()
    logger.info("%s by user %d", "joined" if joined else "accepted", member.user_id, extra=ids_of(job))
    return Accepted(job, joined)


def _require_driver(kind: str) -> None:
    """Say it before anything is queued; a worker that is installed otherwise than the API says it once more."""
    driver = DATABASES[kind].driver
    if driver is not None and driver.missing:
        raise Invalid(["path", "source_id"], driver.missing, "driver_missing")


def _equal(spec: TestSpec, queue: Sequence[Job], vault: Vault) -> Job | None:
    """The newest open job that answers this spec as well; one that is being cancelled does not."""
    same = (job for job in reversed(queue) if job.cancel_requested_at is None and _wish_of(job, vault) == spec)
    return next(same, None)


def _wish_of(job: Job, vault: Vault) -> TestSpec | None:
    try:
        query = vault.open(job.test_query) or None
    except SecretsError:  # sealed with a key that is gone: it equals nothing, and its run will say why
        return None
    return TestSpec(job.source_revision, tuple(job.steps), query, job.timeout_seconds, job.on_question)


def _job(
    spec: TestSpec, services: Services, member: Member, source: DataSource, queue: Sequence[Job], trigger: str
) -> Job:
    limit = spec.timeout_seconds or services.settings.job_timeout
    return Job(
        organization_id=source.organization_id,
        source_id=source.id,
        source_revision=spec.revision,
        requested_by_user_id=member.user_id,
        trigger=trigger,
        steps=list(spec.steps),
        test_query=services.vault.seal(spec.test_query) if spec.test_query else None,
        timeout_seconds=spec.timeout_seconds,
        on_question=spec.on_question,
        deadline=deadline(limit, (ahead for ahead in queue if ahead.question is None)),
    )
