"""A job as it is answered: from the catalogue once it has ended, from Prefect's metadata while it runs."""

import msgspec

from api.prefect.client import Run
from api.wire.schemas import AsyncDataSourceTestResults, TestResultStep
from datasources.catalogue.questions import question_of
from datasources.catalogue.tables import Job
from datasources.model.results import Published
from datasources.model.vocabulary import Code, ConfigurationCheckStep, JobStatus
from flows.states import QUESTIONS, job_status


def published_of(job: Job, run: Run | None) -> dict[str, Published]:
    """What the tasks of a job have found so far, by task."""
    if job.ended_at is not None:
        return {p.task: p for p in msgspec.convert(job.results or [], list[Published])}
    return dict(run.published) if run else {}


def status_of(job: Job, run: Run | None) -> JobStatus:
    """The job's status; an ending counts only once it is written down, so that no two readers differ."""
    if job.ended_at is not None:
        return JobStatus(job.status)
    status = job_status(run.state) if run else JobStatus.waiting
    if status in QUESTIONS.values() and job.question is None:
        return JobStatus.waiting  # answered, and not yet resumed
    return JobStatus.processing if status.ended else status


def view(job: Job, run: Run | None) -> AsyncDataSourceTestResults:
    """The published answer."""
    published = published_of(job, run)
    status = status_of(job, run)
    version = published.get("version_probe")
    return AsyncDataSourceTestResults(
        id=job.id,
        status=status,
        results=[_step(step, published.get(step), run, status) for step in ConfigurationCheckStep],
        version=version.result.message if version and version.result.code is Code.OK else None,
        flow_run_id=str(job.flow_run_id) if job.flow_run_id else None,
        reason=job.reason,
        question=question_of(job) if status in QUESTIONS.values() else None,
    )


def _step(step: ConfigurationCheckStep, found: Published | None, run: Run | None, status: JobStatus) -> TestResultStep:
    if found is not None:
        return TestResultStep(step=step, status=found.status, result=msgspec.to_builtins(found.result))
    state = run.tasks.get(step) if run else None
    # A task that says it is over and has published nothing yet is about to: its result is what ends a step.
    running = status is JobStatus.processing and state is not None and not state.is_scheduled()
    return TestResultStep(step=step, status=JobStatus.processing if running else JobStatus.waiting, result=None)
