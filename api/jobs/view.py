"""A job as it is answered: from the catalogue once it has ended, from Prefect's metadata while it runs."""

import msgspec

from api.jobs.status import status_of
from api.prefect.client import Run
from api.wire.schemas import AsyncDataSourceTestResults, CheckStep, TestResultStep
from datasources.catalogue.questions import question_of
from datasources.catalogue.tables import Job
from datasources.model.results import Published
from datasources.model.steps import VERSION_PROBE, in_table_order, step_named
from datasources.model.vocabulary import Code, ConfigurationCheckStep, JobStatus
from flows.states import QUESTIONS


def published_of(job: Job, run: Run | None) -> dict[str, Published]:
    """What the tasks of a job have found so far, by task."""
    if job.ended_at is not None:
        return {p.task: p for p in msgspec.convert(job.results or [], list[Published])}
    return dict(run.published) if run else {}


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
