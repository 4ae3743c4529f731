"""A job as a worker needs it: read once, with the source's secrets."""

from datetime import UTC, datetime

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.host_keys import trusted_keys
from datasources.catalogue.questions import answers_of, question_of
from datasources.catalogue.sources import source_of
from datasources.catalogue.tables import DataSource, Job
from datasources.model.errors import SourcecheckError
from datasources.model.questions import Answer, Question
from datasources.model.source import Source
from datasources.model.steps import SCHEDULE
from datasources.secrecy.vault import Vault


class Work(Struct, kw_only=True, frozen=True):
    """One job, ready to be run."""

    job_id: int
    source_id: int
    organization_id: int
    scheduled: bool
    source: Source
    steps: list[str]
    deadline: float
    test_query: str | None
    may_ask: bool = False
    question: Question | None = None
    """What it waits for; then it is not to be run yet."""
    answers: list[Answer] = []
    trusted_keys: list[str] = []
    """Fingerprints that the organization trusts at this gateway."""

    @property
    def query_confirmed(self) -> bool:
        """Whether a user has approved this query, although it may do more than read."""
        return any(answer.kind == "query" and answer.accepted for answer in self.answers)


async def load_work(session: AsyncSession, vault: Vault, job_id: int) -> Work:
    """Read the job and its source, and mark it as started.

    Raises `SourcecheckError` when there is no such job or it has ended, `SecretsError` when a secret is unreadable.
    """
    found = (
        await session.execute(select(Job, DataSource).join(DataSource).where(Job.id == job_id, Job.ended_at.is_(None)))
    ).one_or_none()
    if found is None:
        raise SourcecheckError(f"there is no open job {job_id}")
    job, row = found
    job.started_at = job.started_at or datetime.now(UTC)
    source = source_of(row, vault, vault.open(job.run_secret))
    if job.timeout_seconds is not None:
        source = msgspec.structs.replace(source, connection_timeout=min(job.timeout_seconds, source.connection_timeout))
    gateway = source.ssh_tunnel
    return Work(
        job_id=job.id,
        source_id=row.id,
        organization_id=job.organization_id,
        scheduled=job.trigger == SCHEDULE,
        source=source,
        steps=list(job.steps),
        deadline=job.deadline.timestamp(),
        test_query=vault.open(job.test_query) or None,
        may_ask=job.on_question == "ask",
        question=question_of(job),
        answers=answers_of(job),
        trusted_keys=await trusted_keys(session, job.organization_id, gateway.host, gateway.port) if gateway else [],
    )
