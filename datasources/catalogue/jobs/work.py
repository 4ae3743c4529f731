"""A job as a worker needs it: read once, with the source's secrets."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.host_keys import trusted_keys
from datasources.catalogue.jobs.attempts import found_before
from datasources.catalogue.jobs.questions import answers_of, question_of
from datasources.catalogue.sources import source_of
from datasources.catalogue.tables import DataSource, Job
from datasources.model.errors import CheckError, SourcecheckError
from datasources.model.questions import Answer, Question
from datasources.model.results import Published
from datasources.model.source import Source
from datasources.secrecy.vault import Vault

ASK_ANEW = "ask the API for a new test, or run the deployment with the parameter source_id alone"


class NotThisRuns(SourcecheckError):
    """The run has no open job of its own: the job has ended, is not there, or belongs to another run."""


class Work(Struct, kw_only=True, frozen=True):
    """One job, ready to be run."""

    job_id: int
    """0 for a check of a sweep, which has none."""
    source_id: int
    organization_id: int
    source: Source
    steps: list[str]
    deadline: float
    test_query: str | None
    may_ask: bool = False
    question: Question | None = None
    """What it waits for; then it is not to be run yet."""
    answers: list[Answer] = []
    keeps_schema: bool = True
    """Whether what is found of its schema and lineage is kept: not if the source disables the indexing of it."""
    unreachable: CheckError | None = None
    """Why nothing can be tested: a secret that is a reference is not to be had."""
    found: list[Published] = []
    """What attempts at it had found that were lost."""
    trusted_keys: list[str] = []
    """Fingerprints that the organization trusts at this gateway."""

    @property
    def query_confirmed(self) -> bool:
        """Whether a user has approved this query, although it may do more than read."""
        return any(answer.kind == "query" and answer.accepted for answer in self.answers)


async def load_work(session: AsyncSession, vault: Vault, job_id: int, flow_run_id: UUID | None = None) -> Work:
    """Read the job and its source, and mark it as started.

    Raises `NotThisRuns` when there is no such job, it has ended, or another run than this one carries it out;
    `SecretsError` when a secret is unreadable.
    """
    found = (await session.execute(select(Job, DataSource).join(DataSource).where(Job.id == job_id))).one_or_none()
    if found is None:
        raise NotThisRuns(f"There is no job {job_id}; {ASK_ANEW}")
    job, row = found
    if job.ended_at is not None:
        raise NotThisRuns(f"Job {job_id} has already ended as {job.status}, and a result does not change; {ASK_ANEW}")
    # A run that is very quick finds the job before the API has written down which run it has.
    if flow_run_id is not None and job.flow_run_id is not None and job.flow_run_id != flow_run_id:
        raise NotThisRuns(f"Another run, {job.flow_run_id}, carries out job {job_id}; {ASK_ANEW}")
    job.started_at = job.started_at or datetime.now(UTC)
    source = source_of(row, vault, vault.open(job.run_secret))
    if job.timeout_seconds is not None:
        source = msgspec.structs.replace(source, connection_timeout=min(job.timeout_seconds, source.connection_timeout))
    gateway = source.ssh_tunnel
    return Work(
        job_id=job.id,
        source_id=row.id,
        organization_id=job.organization_id,
        source=source,
        steps=list(job.steps),
        deadline=job.deadline.timestamp(),
        test_query=vault.open(job.test_query) or None,
        may_ask=job.on_question == "ask",
        question=question_of(job),
        answers=answers_of(job),
        keeps_schema=not row.fields.get("disable_schema_indexing"),
        found=list(found_before(job).values()),
        trusted_keys=await trusted_keys(session, job.organization_id, gateway.host, gateway.port) if gateway else [],
    )
