"""A job as it is answered: from the catalogue once it has ended, from Prefect's metadata while it runs."""

from datetime import UTC, datetime
from typing import Literal

import msgspec

from api.jobs.status import status_of
from api.prefect.client import Run
from api.wire.schemas import AsyncDataSourceTestResults, CheckStep, ConnectionTest, TestResultStep, whole
from datasources.catalogue.jobs.attempts import attempts_of, found_before
from datasources.catalogue.jobs.questions import question_of
from datasources.catalogue.tables import DataSource, Job
from datasources.model.results import Published
from datasources.model.steps import CONNECTION, TEST_QUERY, VERSION_PROBE, in_table_order, step_named
from datasources.model.vocabulary import Code, ConfigurationCheckStep, ErrorCode, JobStatus
from flows.states import QUESTIONS


def published_of(job: Job, run: Run | None) -> dict[str, Published]:
    """What the tasks of a job have found so far, by task."""
    if job.ended_at is not None:
        return {p.task: p for p in msgspec.convert(job.results or [], list[Published])}
    return found_before(job) | (run.published if run else {})


def view(job: Job, run: Run | None) -> AsyncDataSourceTestResults:
    """The published answer, and what is ours beside it."""
    published = published_of(job, run)
    status = status_of(job, run)
    version = published.get(VERSION_PROBE)
    return AsyncDataSourceTestResults(
        id=job.id,
        status=status,
        results=[TestResultStep(step, *_standing(step, published, run, status)) for step in ConfigurationCheckStep],
        checks=[CheckStep(name, *_standing(name, published, run, status)) for name in _checks(job, published)],
        version=version.result.message if version and version.result.code is Code.OK else None,
        flow_run_id=str(job.flow_run_id) if job.flow_run_id else None,
        reason=job.reason,
        attempts=attempts_of(job),
        question=question_of(job) if status in QUESTIONS.values() else None,
    )


def _checks(job: Job, published: dict[str, Published]) -> list[str]:
    """The steps of this job that are not among the four published ones."""
    names = published if job.ended_at is not None else [*job.steps, *published]
    return in_table_order(name for name in names if not step_named(name).published)


def _standing(
    name: str, published: dict[str, Published], run: Run | None, status: JobStatus
) -> tuple[JobStatus, dict[str, object] | None]:
    """The status of a step and, once it has ended, its result."""
    if (found := published.get(name)) is not None:
        return found.status, msgspec.to_builtins(found.result)
    state = run.tasks.get(name) if run else None
    # A task that says it is over and has published nothing yet is about to: its result is what ends a step.
    running = status is JobStatus.processing and state is not None and not state.is_scheduled()
    return JobStatus.processing if running else JobStatus.waiting, None


def connection_test(job: Job, source: DataSource) -> ConnectionTest:
    """The answer of an immediate test: of a job that has ended, or that asks a question."""
    found = published_of(job, None)
    passed = {name: one.result for name, one in found.items() if one.result.code is Code.OK}
    connection, version = found.get(CONNECTION), passed.get(VERSION_PROBE)
    answered = passed[TEST_QUERY].details if TEST_QUERY in passed else {}
    status, reason, code = _verdict(job)
    return ConnectionTest(
        data_source_id=source.id,
        status=status,
        connection_successful=CONNECTION in passed,
        response_time_ms=whole(answered.get("response_time_ms")),
        test_query_result=answered.get("value"),
        test_query_has_row=answered.get("has_row"),
        tested_at=job.ended_at or datetime.now(UTC),
        ssh_tunnel_established=bool(connection and connection.result.details.get("ssh_tunnel_established")),
        database_version=version.message if version else None,
        error_message=reason,
        error_code=code,
        job_id=job.id,
        attempts=attempts_of(job),
    )


def _verdict(job: Job) -> tuple[Literal["active", "failed", "testing"], str | None, ErrorCode | None]:
    """How an immediate test stands, and why, where it has not passed."""
    if (question := question_of(job)) is not None:
        return "testing", f"Waits for an answer: {question.message}", question.error_code
    if job.status == JobStatus.done:
        return "active", None, None
    if job.reason is not None:
        return "failed", job.reason, ErrorCode(job.error_code or ErrorCode.INTERNAL_ERROR)
    return "failed", f"The test ended as {job.status}", ErrorCode.INTERNAL_ERROR
