"""Sources and ended checks in the catalogue of the tests."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from datasources.catalogue.jobs.jobs import end_job
from datasources.catalogue.tables import DataSource, Job
from datasources.health.plan import Plan
from datasources.model.results import Published, StepResult
from datasources.model.vocabulary import Code, ErrorCode, JobStatus, Outcome
from tests.fixtures.catalogue import Sessions

_numbers = count(1)


async def make_source(sessions: Sessions, organization_id: int, every: float | None = None, **columns: Any) -> int:
    """A source with this interval, and its id."""
    async with sessions.begin() as session:
        source = DataSource(
            organization_id=organization_id,
            type="pg",
            options={},
            plan=Plan(interval_seconds=every).plain() if every else None,
            **{"name": f"Source {next(_numbers)}"} | columns,
        )
        session.add(source)
        await session.flush()
        return source.id


def connection(passed: bool, ended_at: datetime, code: ErrorCode = ErrorCode.CONNECTION_ERROR) -> Published:
    """What the step `connection` publishes."""
    result = (
        StepResult(
            code=Code.OK,
            message="Connected to the database",
            outcome=Outcome.success,
            duration_ms=9,
            details={"response_time_ms": 7},
        )
        if passed
        else StepResult(
            code=Code.ERROR,
            message="Nobody listens",
            outcome=Outcome.failed,
            error_code=code,
            remediation="Start the server",
        )
    )
    return Published(job_id=1, task="connection", result=result, ended_at=ended_at)


async def open_job(
    sessions: Sessions,
    source_id: int,
    revision: int = 1,
    steps: tuple[str, ...] = ("connection",),
    trigger: str = "schedule",
    counts: bool | None = None,
) -> Job:
    """A job that runs."""
    async with sessions.begin() as session:
        source = await session.get_one(DataSource, source_id)
        job = Job(
            organization_id=source.organization_id,
            source_id=source_id,
            source_revision=revision,
            trigger=trigger,
            counts=counts,
            steps=list(steps),
            deadline=datetime.now(UTC) + timedelta(minutes=5),
        )
        session.add(job)
        await session.flush()
        await session.refresh(job)
        return job


async def check(
    sessions: Sessions,
    source_id: int,
    passed: bool,
    at: datetime,
    revision: int = 1,
    trigger: str = "schedule",
    counts: bool | None = None,
    **changes: Any,
) -> int:
    """A check that ended at this moment; answers its job's id."""
    job = await open_job(sessions, source_id, revision, trigger=trigger, counts=counts)
    async with sessions.begin() as session:
        status = JobStatus.done if passed else JobStatus.failed
        assert await end_job(session, job, status, [connection(passed, at, **changes)])
    return job.id
