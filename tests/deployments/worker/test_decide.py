"""What a worker does about a run is a rule: a table of runs and times, and what comes of each."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType, Worker, WorkPool, WorkQueue

from deployments.worker.decide import (
    REACTION_TIME,
    Reaction,
    end_of_orphan,
    is_unlimited,
    may_be_orphaned,
    may_be_taken_up,
    react,
    seconds_until_due,
)
from deployments.worker.intake import MOST_SEEN, SeenStates
from deployments.worker.owner import Owner
from deployments.worker.silence import MISSED_HEARTBEATS, Silence

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
A_MOMENT = timedelta(milliseconds=1)
JUST_NOW, SETTLED = NOW - REACTION_TIME, NOW - REACTION_TIME - A_MOMENT
OWNER = Owner("left", "0a1b2c3d")


def run(kind: StateType = StateType.SCHEDULED, since: datetime = SETTLED, **facts: Any) -> FlowRun:
    """A run in this state."""
    state = State[Any](type=kind, timestamp=since)
    return FlowRun(flow_id=UUID(int=1), state=state, state_type=kind, **facts)


@pytest.mark.parametrize(
    ("found", "queues", "taken"),
    [
        (run(), [], True),
        (run(next_scheduled_start_time=NOW), [], True),
        (run(next_scheduled_start_time=NOW - timedelta(hours=1)), [], True),
        (run(next_scheduled_start_time=NOW + A_MOMENT), [], False),
        (run(work_queue_name="fast"), ["fast", "slow"], True),
        (run(work_queue_name="other"), ["fast", "slow"], False),
        (run(work_queue_name="other"), [], True),
        (run(empirical_policy={"retry_type": "in_process"}), [], False),
        (run(empirical_policy={"retry_type": "reschedule"}), [], True),
        *((run(kind), [], False) for kind in StateType if kind is not StateType.SCHEDULED),
    ],
)
def test_which_runs_are_taken_up(found: FlowRun, queues: list[str], taken: bool) -> None:
    """Those that are scheduled and due, in a queue that we serve, and not started again by their own process."""
    assert may_be_taken_up(found, queues, NOW) is taken


def test_seconds_until_a_run_is_due() -> None:
    """Nothing for one that is late."""
    later = run(next_scheduled_start_time=NOW + timedelta(seconds=2.5))
    earlier = run(next_scheduled_start_time=NOW - timedelta(seconds=2.5))
    assert [seconds_until_due(each, NOW) for each in (later, earlier, run())] == [2.5, 0, 0]


@pytest.mark.parametrize(
    ("pool", "queue", "unlimited"),
    [
        ({}, {}, True),
        ({"is_paused": True}, {}, False),
        ({"concurrency_limit": 1}, {}, False),
        ({}, {"is_paused": True}, False),
        ({}, {"concurrency_limit": 0}, False),
    ],
)
def test_whether_there_is_a_limit(pool: dict[str, Any], queue: dict[str, Any], unlimited: bool) -> None:
    """A pause counts as one, and a limit of 0, too."""
    queues = [WorkQueue(name=name, work_pool_id=UUID(int=3), **facts) for name, facts in (("a", {}), ("b", queue))]
    assert is_unlimited(WorkPool(name="pool", type="sourcecheck", **pool), queues) is unlimited


@pytest.mark.parametrize(
    ("state", "reaction"),
    [
        (None, Reaction.LEAVE),
        (run(StateType.PENDING).state, Reaction.LEAVE),
        (run(StateType.RUNNING).state, Reaction.LEAVE),
        (run(StateType.CANCELLING, NOW).state, Reaction.CANCEL),
        (run(StateType.PAUSED, NOW).state, Reaction.SUSPEND),
        *((run(kind, JUST_NOW).state, Reaction.LEAVE) for kind in StateType if State[Any](type=kind).is_final()),
        *((run(kind, SETTLED).state, Reaction.KILL) for kind in StateType if State[Any](type=kind).is_final()),
    ],
)
def test_what_becomes_of_a_run_of_ours(state: State[Any] | None, reaction: Reaction) -> None:
    """A run that has just ended may be ending itself; one that ended a while ago and still runs was ended elsewhere."""
    assert react(state, NOW) is reaction


def test_a_run_without_a_worker() -> None:
    """It may be orphaned once its state has settled; its end is what was asked for."""
    assert [may_be_orphaned(run(StateType.RUNNING, since), NOW) for since in (JUST_NOW, SETTLED)] == [False, True]
    kinds = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
    ends = [end_of_orphan(run(kind), OWNER) for kind in kinds]
    assert [end.type for end in ends] == [StateType.CRASHED, StateType.CRASHED, StateType.CANCELLED]
    assert all("left" in (end.message or "") for end in ends)


def test_a_worker_that_falls_silent() -> None:
    """It is lost when its sign of life has not changed for three of its heartbeats, whatever time the sign names."""
    silence, first = Silence(heartbeat_seconds=30), worker(seconds=10, last=NOW + timedelta(days=1))
    span = MISSED_HEARTBEATS * 10
    assert not silence.is_lost("left", first, 0.0)
    assert not silence.is_lost("left", first, span)
    assert silence.is_lost("left", first, span + 0.1)
    assert not silence.is_lost("left", worker(seconds=10, last=NOW), span + 0.2)
    assert silence.is_lost("left", worker(seconds=10, last=NOW), 2 * span + 0.3)
    silence.forget()
    assert not silence.is_lost("left", worker(seconds=10, last=NOW), 3 * span)


def test_a_worker_that_prefect_does_not_know() -> None:
    """It gets three of our own heartbeats."""
    silence = Silence(heartbeat_seconds=30)
    times = (0.0, MISSED_HEARTBEATS * 30, MISSED_HEARTBEATS * 30 + 0.1)
    assert [silence.is_lost("gone", None, at) for at in times] == [False, False, True]


def worker(seconds: int, last: datetime) -> Worker:
    """A worker that beats so often, and did last then."""
    return Worker(name="left", work_pool_id=UUID(int=3), last_heartbeat_time=last, heartbeat_interval_seconds=seconds)


def test_a_state_is_taken_up_once() -> None:
    """The oldest are forgotten when they are many; one that could not be claimed counts as new."""
    seen = SeenStates()
    ids = [UUID(int=number) for number in range(MOST_SEEN + 2)]
    assert all(seen.add(state_id) for state_id in ids)
    assert not seen.add(ids[-1])
    seen.forget(ids[-1])
    assert seen.add(ids[-1])
    assert seen.add(ids[0])
