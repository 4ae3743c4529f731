"""The names of runs that are planned: the timetable's, until the run begins and knows how many sources it checks."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

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

from datasources.health.plan import Plan, timetable_of
from datasources.health.sweeps import planned_name

AT_ONCE = 100
"""Runs that are looked at each time, the next ones first: Prefect plans about so many of a deployment."""
LEAD = timedelta(seconds=5)
"""A run that begins sooner names itself."""


async def name_runs(client: PrefectClient, deployment_id: UUID, plans: Mapping[int, Plan]) -> None:
    """Name the next planned runs of the deployment, each after its timetable's plan."""
    soonest = datetime.now(UTC) + LEAD
    wanted = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment_id]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime.model_validate({"after_": soonest}),
    )
    runs = await client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=AT_ONCE)
    for run_id, name in names(runs, plans).items():
        await client.update_flow_run(run_id, name=name)


def names(runs: Iterable[FlowRun], plans: Mapping[int, Plan]) -> dict[UUID, str]:
    """The name of each planned run that does not have it yet."""
    found: dict[UUID, str] = {}
    for run in runs:
        timetable_id = timetable_of_run(run)
        plan = plans.get(timetable_id) if timetable_id is not None else None
        if run.auto_scheduled and plan is not None and run.name != (name := planned_name(plan)):
            found[run.id] = name
    return found


def timetable_of_run(run: FlowRun) -> int | None:
    """The timetable whose sweep this run begins; None for a run that helps with a sweep, and for one that is not ours.

    A schedule that was paused in the Prefect UI comes back without its parameters, but with its name.
    """
    timetable_id = run.parameters.get("timetable_id")
    if timetable_id is None and run.created_by and "sweep_id" not in run.parameters:
        timetable_id = timetable_of(run.created_by.display_value)
    return timetable_id if isinstance(timetable_id, int) else None
