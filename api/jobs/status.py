"""Where a job stands (contract 4.2): the one rule for answers, metrics and the watch."""

from api.prefect.client import Run
from datasources.catalogue.jobs.attempts import is_noted
from datasources.catalogue.tables import Job
from datasources.model.vocabulary import JobStatus
from flows.states import QUESTIONS, job_status


def status_of(job: Job, run: Run | None) -> JobStatus:
    """The job's status: as it was written down once it has ended, from what Prefect said last until then."""
    if job.ended_at is not None:
        return JobStatus(job.status)
    if run is not None and run.state is not None and is_noted(job, str(run.state.id)):
        return JobStatus.waiting  # for its next attempt, which Prefect has not heard of yet
    return open_status(run, asks=job.question is not None)


def open_status(run: Run | None, *, asks: bool) -> JobStatus:
    """The status of a job that has not ended; `asks` says whether its question is still open.

    An ending counts only once it is written down, so that no two readers differ.
    """
    status = run_status(run)
    if status in QUESTIONS.values() and not asks:
        return JobStatus.waiting  # answered, and not yet resumed
    return JobStatus.processing if status.ended else status


def run_status(run: Run | None) -> JobStatus:
    """What the job's run alone says; a run that has not been read waits."""
    return job_status(run.state) if run else JobStatus.waiting
