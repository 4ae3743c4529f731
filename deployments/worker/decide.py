"""What a worker does about a flow run: functions of the run as Prefect has it, and the time.

Nothing here waits, reads or writes; `queue`, `execution` and `orphans` do.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import Enum

from prefect.client.schemas.objects import FlowRun, State, StateType, WorkPool, WorkQueue
from prefect.states import Cancelled, Crashed

from deployments.worker._prefect import retried_in_process
from deployments.worker.owner import Owner

REACTION_TIME = timedelta(seconds=5)
"""A run that changed its state more recently may be about to react to it."""


class Reaction(Enum):
    """What is to be done with a run that this worker has."""

    LEAVE = "leave"
    CANCEL = "cancel"
    SUSPEND = "suspend"
    KILL = "kill"


def may_be_taken_up(run: FlowRun, queues: Collection[str], now: datetime) -> bool:
    """As the server decides it when it is asked for runs, but for the limits. No `queues` means all."""
    return (
        run.state_type is StateType.SCHEDULED
        and not seconds_until_due(run, now)
        and (not queues or run.work_queue_name in queues)
        and not retried_in_process(run)
    )


def seconds_until_due(run: FlowRun, now: datetime) -> float:
    """Seconds until the run is to begin; 0 when it is due."""
    due: datetime | None = run.next_scheduled_start_time
    return max(0.0, (due - now).total_seconds()) if due else 0.0


def is_unlimited(pool: WorkPool, queues: Collection[WorkQueue]) -> bool:
    """Whether every run that is due may be taken up: nothing is paused, and nothing has a limit."""
    settings: list[WorkPool | WorkQueue] = [pool, *queues]
    return not any(each.is_paused or each.concurrency_limit is not None for each in settings)


def react(state: State | None, now: datetime) -> Reaction:
    """What is to be done with a run of ours that Prefect has in this state; an event that said so may be lost."""
    if state is None:
        return Reaction.LEAVE
    if state.type is StateType.CANCELLING:
        return Reaction.CANCEL
    if state.type is StateType.PAUSED:
        return Reaction.SUSPEND
    if state.is_final() and not _just_changed(state, now):
        return Reaction.KILL  # it was ended in Prefect, by another than its own process
    return Reaction.LEAVE


def may_be_orphaned(run: FlowRun, now: datetime) -> bool:
    """Whether a run that this worker does not have has been under way for long enough to be judged."""
    return run.state is not None and not _just_changed(run.state, now)


def end_of_orphan(run: FlowRun, owner: Owner) -> State:
    """How a run ends whose worker is lost: as it was asked for where it was to be cancelled, as crashed otherwise."""
    if run.state and run.state.type is StateType.CANCELLING:
        return Cancelled(message=f"Cancelled; the worker {owner.name} was lost meanwhile")
    return Crashed(message=f"The worker {owner.name} was lost while it had this run")


def _just_changed(state: State, now: datetime) -> bool:
    return state.timestamp >= now - REACTION_TIME
