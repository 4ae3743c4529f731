"""What is to be done about an open job: a function of the job, its run as Prefect had it last, and the time.

Nothing here waits, reads or writes; `follow` reads, and `settle` does what was decided.
"""

from collections.abc import Container
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from prefect.client.schemas.objects import State, StateType

from api.jobs.following.outcome import stage_of, steps_under_way
from api.jobs.status import run_status
from api.prefect.client import Run
from datasources.catalogue.jobs.attempts import losses_of
from datasources.catalogue.tables import Job
from datasources.model.losses import Loss, worth_another
from datasources.model.vocabulary import JobStatus
from flows.states import PROCESS_LOST, QUESTIONS, REFUSED, TIMED_OUT, UNDER_WAY

REPORT_SECONDS = 1.7
"""After a job's deadline, until it is ended by force: the worker gets to report the end first."""
LEAST_SECONDS = 2.0
"""That have to be left of a job's time for another attempt at it."""
CANCEL_SECONDS = 5.0
"""After Prefect has heard of a request to cancel, until it is done by force: the worker stops the process first."""


class Leave(Struct, frozen=True):
    """Nothing is to be done for now."""


class End(Struct, frozen=True):
    """Write the final answer down: the run has ended this way, or there is none to end."""

    status: JobStatus


class StopRun(Struct, frozen=True):
    """Have the worker stop the run; the job ends when the run has."""


class Cancel(Struct, frozen=True):
    """Cancel the run by force, if there is one, and end the job as cancelled."""


class GiveUp(Struct, frozen=True):
    """Mark the run as crashed, if there is one, and end the job as failed."""


class Resume(Struct, frozen=True):
    """Have the suspended run go on: its question has been answered, it has a slot, and Prefect has not heard of it."""


class RunAgain(Struct, frozen=True):
    """Note this loss, and have Prefect schedule the run again: it was lost, and there is time left."""

    loss: Loss


Action = Leave | End | StopRun | Cancel | GiveUp | Resume | RunAgain


def decide(job: Job, run: Run | None, now: datetime) -> Action:
    """What is to be done, once Prefect has said what it knows; `run` is None when it knows no run of this job."""
    status = run_status(run)
    if status.ended:
        return _again(job, run, now) or End(status)
    if cancel_requested(job):
        return _cancel(job, run, now)
    if overdue(job, now):
        return GiveUp()
    if job.flow_run_id and job.dispatched_at and status in QUESTIONS.values() and job.question is None:
        return Resume()
    return Leave()


def decide_without_prefect(job: Job, now: datetime) -> Action:
    """What is to be done while Prefect does not answer: its run, should it begin later, finds the job ended."""
    if cancel_requested(job) and (job.flow_run_id is None or overdue(job, now)):
        return End(JobStatus.cancelled)
    if overdue(job, now):
        return End(JobStatus.failed)
    return Leave()


def worth_reading(job: Job, run: Run | None, now: datetime) -> bool:
    """Whether the run is to be read although Prefect has told nothing new of it; `run` is what was read last."""
    return cancel_requested(job) or overdue(job, now) or (run is not None and run.ended)


def cancel_requested(job: Job) -> bool:
    """Whether a client has asked to cancel it."""
    return job.cancel_requested_at is not None


def overdue(job: Job, now: datetime) -> bool:
    """Whether its worker has had its time, and the time to report."""
    return now > job.deadline + timedelta(seconds=REPORT_SECONDS)


def _again(job: Job, run: Run | None, now: datetime) -> RunAgain | None:
    """Another attempt, for a run that was lost without a verdict while there was time left (docs/contract.md)."""
    if run is None or run.state is None or cancel_requested(job) or job.question is not None:
        return None
    if job.deadline - now < timedelta(seconds=LEAST_SECONDS) or not is_lost(job, run.state, run.published):
        return None
    suspect = run.state.name == PROCESS_LOST or run.state.type is StateType.FAILED
    steps = steps_under_way(job, run) if run.started_at else []
    loss = Loss(state_id=str(run.state.id), stage=stage_of(job, run), steps=steps, suspect=suspect, at=now)
    return RunAgain(loss) if worth_another(losses_of(job), loss) else None


def is_lost(job: Job, state: State[Any], published: Container[str]) -> bool:
    """Whether a run ended in this state without a verdict, through no decision of ours or of the worker."""
    if state.type is StateType.CRASHED:
        return state.name not in (TIMED_OUT, REFUSED)
    return state.type is StateType.FAILED and any(step not in published for step in job.steps)


def _cancel(job: Job, run: Run | None, now: datetime) -> Action:
    """At once when no worker has it; by way of its worker otherwise, or by force when that does not react.

    Its worker may hear of the request long after the client has made it, when Prefect's server was away meanwhile.
    """
    state = run.state if run else None
    if job.flow_run_id is None or state is None or state.type not in UNDER_WAY:
        return Cancel()
    is_told = state.type is StateType.CANCELLING
    since = max(job.cancel_requested_at or job.deadline, state.timestamp if is_told else job.deadline)
    if now > since + timedelta(seconds=CANCEL_SECONDS):
        return Cancel()
    return Leave() if is_told else StopRun()
