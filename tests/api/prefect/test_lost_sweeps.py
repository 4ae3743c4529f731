"""Runs that were lost before they had begun their sweep, as Prefect has them."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import CreatedBy, FlowRun, State, StateType

from api.prefect.lost_sweeps import MOST_BEGUN, LostRun, lost
from datasources.health.plan import slug_of
from flows.states import REFUSED

DUE = datetime(2026, 11, 25, 12, tzinfo=UTC)


def run(kind: StateType = StateType.CRASHED, name: str | None = None, **fields: Any) -> FlowRun:
    """A run in this state that was to begin the sweep of timetable 7."""
    state = State[Any](type=kind, name=name)
    facts = {"parameters": {"timetable_id": 7}, "expected_start_time": DUE, "state": state, "state_type": kind}
    return FlowRun(flow_id=uuid4(), **facts | fields)


@pytest.mark.parametrize("kind", [StateType.CRASHED, StateType.FAILED])
def test_a_run_that_was_lost(kind: StateType) -> None:
    """With its process or worker, or because a server of ours was away; known by its timetable and its moment."""
    found = run(kind)
    assert found.state
    assert lost([found]) == [LostRun(found.id, found.state.id, 7, DUE)]
    schedule = CreatedBy(id=uuid4(), type="SCHEDULE", display_value=slug_of(7))
    assert lost([run(kind, parameters={}, created_by=schedule)])[0].timetable_id == 7


@pytest.mark.parametrize(
    "other",
    [
        run(StateType.COMPLETED),
        run(StateType.RUNNING),
        run(StateType.CANCELLED),
        run(name=REFUSED),
        run(StateType.FAILED, run_count=MOST_BEGUN),
        run(parameters={"sweep_id": 1, "number": 2}),
        run(parameters={}),
    ],
    ids=["completed", "running", "cancelled", "refused", "broken", "a helper's", "not ours"],
)
def test_other_runs(other: FlowRun) -> None:
    """Those that go on or came to an end, that no worker runs, that never begin, or that help with a sweep."""
    assert lost([other]) == []
