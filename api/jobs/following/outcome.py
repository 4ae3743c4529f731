"""What is answered of a job that has ended: what its run published, and a verdict for each step that is missing."""

from datetime import UTC, datetime

from prefect.client.schemas.objects import StateType

from api.prefect.client import Run
from datasources.catalogue.jobs.attempts import attempts_of, found_before
from datasources.catalogue.tables import Job
from datasources.model.errors import REMEDIATIONS
from datasources.model.results import Published, StepResult, not_asked_for
from datasources.model.steps import under_way
from datasources.model.vocabulary import Code, ConfigurationCheckStep, ErrorCode, JobStatus, Outcome
from flows.questions import unanswered


def complete(job: Job, run: Run | None, status: JobStatus) -> list[Published]:
    """Everything the run published, and a verdict for each step that never came to one."""
    found = found_before(job) | (run.published if run else {})
    state = run.state.type if run and run.state else StateType.PAUSED
    if status is JobStatus.failed and state in (StateType.PAUSED, StateType.FAILED):
        found |= unanswered(job)
    wanted = dict.fromkeys([*ConfigurationCheckStep, *job.steps])
    for name in wanted:
        if name not in found:
            found[name] = _missing(job, name, run, status)
    return list(found.values())


def _missing(job: Job, name: str, run: Run | None, status: JobStatus) -> Published:
    if name not in job.steps:
        return not_asked_for(job.id, name)
    if status is JobStatus.cancelled:
        result = StepResult(code=Code.SKIP, message="Cancelled before this step had ended", outcome=Outcome.skipped)
    else:
        late = datetime.now(UTC) > job.deadline and run is not None and run.started_at is not None
        code = ErrorCode.TIMEOUT if late else ErrorCode.WORKER_LOST
        result = StepResult(
            code=Code.ERROR,
            message=f"{name} was not carried out: {lost_where(job, run)}",
            outcome=Outcome.failed,
            error_code=code,
            remediation=REMEDIATIONS[code],
        )
    return Published(job_id=job.id, task=name, result=result, carried_out=False)


def lost_where(job: Job, run: Run | None) -> str:
    """The stage at which a run was lost, what Prefect says of it, and which attempt it was, for people."""
    said = (
        run.state.message if run and run.state and run.state.type not in (StateType.SCHEDULED, StateType.PAUSED) else ""
    )
    again = f"; attempt {attempts_of(job)}, after others were lost" if job.losses else ""
    return stage_of(job, run) + (f" ({said})" if said else "") + again


def stage_of(job: Job, run: Run | None) -> str:
    """How far a run had come, for people."""
    if job.dispatched_at is None:
        return "it waited for its turn, and was never picked up by a worker"
    if run is None or run.state is None or run.state.type is StateType.SCHEDULED:
        return "the run was never picked up by a worker"
    if run.state.type is StateType.PAUSED:
        return "its question was not answered"
    if run.started_at is None:
        return "the run was picked up and never started"
    return f"lost while running {', '.join(steps_under_way(job, run)) or 'its last step'}"


def steps_under_way(job: Job, run: Run) -> list[str]:
    """The steps that had begun, as far as can be told, and had not ended."""
    return under_way(job.steps, found_before(job) | run.published)
