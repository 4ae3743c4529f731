"""Runs of sweeps that were lost before they had begun their sweep: no sign of it is in the catalogue."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort

from api.prefect.planned import timetable_of_run
from flows.states import REFUSED

AT_ONCE = 100
"""Runs that are looked at each time, the newest first."""
LOST = (StateType.CRASHED, StateType.FAILED)
MOST_BEGUN = 5
"""Times that a run has begun, from which on it is not what it was lost with that keeps it from beginning its sweep."""
LONGEST = timedelta(days=2)
"""How late a sweep is begun at most, where its timetable has no newer one."""


class LostRun(Struct, frozen=True):
    """A run that ended without a verdict."""

    flow_run_id: UUID
    state_id: UUID
    """The state in which it was lost."""
    timetable_id: int
    due_at: datetime
    """The moment of its sweep."""


async def read_lost(client: PrefectClient, deployment_id: UUID, now: datetime) -> list[LostRun]:
    """The newest runs of the deployment that were lost. Raises what Prefect's client raises."""
    wanted = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment_id]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(LOST))),
        expected_start_time=FlowRunFilterExpectedStartTime.model_validate({"after_": now - LONGEST}),
    )
    runs = await client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=AT_ONCE)
    return lost(runs)


def lost(runs: Iterable[FlowRun]) -> list[LostRun]:
    """Those that were to begin a sweep of a timetable, and that a worker does not refuse to run."""
    return [
        LostRun(run.id, run.state.id, timetable_id, run.expected_start_time)
        for run in runs
        if (timetable_id := timetable_of_run(run)) is not None
        and run.state
        and run.state.type in LOST
        and run.state.name != REFUSED
        and run.run_count < MOST_BEGUN
        and run.expected_start_time
    ]
