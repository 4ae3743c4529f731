"""Which published status a client reads for each state of Prefect's: the one table of contract 4.1."""

import re
from typing import Any

from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelled

from datasources.model.vocabulary import JobStatus

UNHEALTHY = "Unhealthy"
"""Name of the FAILED state of a flow run whose source did not pass."""

DECLINED = "Declined"
"""Name of the CANCELLED state of a run that a person started but that has nothing to test; its message says why."""

DROPPED = "Dropped"
"""Name of the COMPLETED state of a run that had nothing to check; its message says why."""

STATUS: dict[StateType, JobStatus] = {
    StateType.SCHEDULED: JobStatus.waiting,
    StateType.PENDING: JobStatus.waiting,
    StateType.RUNNING: JobStatus.processing,
    StateType.CANCELLING: JobStatus.processing,
    StateType.PAUSED: JobStatus.waiting,
    StateType.COMPLETED: JobStatus.done,
    StateType.FAILED: JobStatus.failed,
    StateType.CRASHED: JobStatus.failed,
    StateType.CANCELLED: JobStatus.cancelled,
}

TIMED_OUT = "TimedOut"
"""Name of the CRASHED state of a run that was ended at its deadline."""
REFUSED = "Refused"
"""Name of the CRASHED state of a run that the worker does not run; its message says why."""
PROCESS_LOST = "ProcessLost"
"""Name of the CRASHED state of a run whose process died, perhaps because of what the run did."""
SERVER_LOST = "ServerLost"
"""Name of the CRASHED state of a run that could not continue without a server of ours; its message says which."""
RUN_AGAIN = "RunAgain"
"""Name of the SCHEDULED state of a run that was lost and is to run again; its message says what happened to it."""

UNDER_WAY = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
"""States of a run that a worker has."""

NEEDS_CONFIRMATION = "needs-confirmation"
NEEDS_AUTHENTICATION = "needs-authentication"
QUESTIONS: dict[str, JobStatus] = {
    NEEDS_CONFIRMATION: JobStatus.needs_confirmation,
    NEEDS_AUTHENTICATION: JobStatus.needs_authentication,
}
"""Keys under which a run of ours suspends itself; from its second question on, `-2` and so on is added.

A pause without one of them is an operator's.
"""
_NUMBERED = re.compile(r"-\d+$")


def job_status(state: State[Any] | None) -> JobStatus:
    """The status of a job whose flow run is in this state."""
    if state is None:
        return JobStatus.waiting
    if state.type is StateType.PAUSED:
        return QUESTIONS.get(_NUMBERED.sub("", state.state_details.pause_key or ""), JobStatus.waiting)
    return STATUS[state.type]


def declined(why: str) -> State[Any]:
    """The state of a run that tests nothing; neither a pass nor a failure of a source."""
    return Cancelled(name=DECLINED, message=why)
