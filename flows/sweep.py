"""One run of a sweep: checks the sources of a timetable, beside other runs of the same sweep or alone."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.utilities import get_or_create_client
from prefect.context import FlowRunContext
from prefect.states import Completed

from datasources.catalogue.engine import session_scope
from datasources.catalogue.health.sweeps import Round, begin_sweep, end_sweep, join_sweep
from datasources.health.plan import timetable_of
from datasources.health.sweeps import name_of, runs_wanted, spread_seconds
from datasources.model.settings import Settings
from flows.states import DROPPED, declined
from flows.sweeper import Sweeper


async def forget_sweep(flow: object, flow_run: FlowRun, state: State[Any]) -> None:
    """A hook of the flow's states: an operator has cancelled a run of the sweep, so nothing resumes it."""
    sweep_id = flow_run.parameters.get("sweep_id") or _sweeps.get(flow_run.id)
    if sweep_id is not None:
        async with session_scope(Settings.load()) as session:
            await end_sweep(session, sweep_id, datetime.now(UTC))


_sweeps: dict[UUID, int] = {}
"""The sweep of the run of this process, for the hook."""


@flow(
    name="sweep",
    persist_result=False,
    result_storage=Path(tempfile.gettempdir()),
    on_cancellation=[forget_sweep],
)
async def sweep(timetable_id: int | None = None, sweep_id: int | None = None, number: int = 0) -> State[Any]:
    """Check the sources of this timetable that are due now, or help with this sweep as its run of this number."""
    settings = Settings.load()
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None:
        return declined("A sweep is a run in Prefect")
    if timetable_id is None and run.created_by:
        # A schedule that is paused in the Prefect UI comes back without its parameters, but with its name.
        timetable_id = timetable_of(run.created_by.display_value)
    if timetable_id is None and sweep_id is None:
        return declined("Nothing to check: give the id of a timetable as the parameter timetable_id")
    found = await _begun(settings, run, timetable_id, sweep_id)
    if not isinstance(found, Round):
        return Completed(name=DROPPED, message=found)
    _sweeps.clear()
    _sweeps[run.id] = found.sweep_id
    client, _ = get_or_create_client()
    await _introduce(client, run, found, number)
    if sweep_id is None:
        await _call_help(client, run, found)
    return await Sweeper(settings, found, number).run()


async def _begun(settings: Settings, run: FlowRun, timetable_id: int | None, sweep_id: int | None) -> Round | str:
    now = datetime.now(UTC)
    async with session_scope(settings) as session:
        if sweep_id is not None:
            return await join_sweep(session, sweep_id, now)
        assert timetable_id is not None  # noqa: S101 -- for the type checker
        due_at = run.expected_start_time or now
        if not run.auto_scheduled:
            due_at = min(due_at, now)
        return await begin_sweep(session, timetable_id, due_at, now)


async def _introduce(client: PrefectClient, run: FlowRun, found: Round, number: int) -> None:
    """Give the run a name that says what it checks, and the tag of its organization."""
    name = name_of(found.plan, len(found.checked_for)) + (f" · run {number + 1}" if number else "")
    tags = {*run.tags, f"organization:{found.organization_id}", f"timetable:{found.timetable_id}"}
    await client.update_flow_run(run.id, name=name, tags=sorted(tags))


async def _call_help(client: PrefectClient, run: FlowRun, found: Round) -> None:
    """Ask for the other runs of a large sweep; if no worker has room for them, this run checks all sources."""
    count = len(found.checked_for)
    runs = runs_wanted(count, spread_seconds(count, found.interval))
    if run.deployment_id is None:
        return
    for number in range(1, runs):
        await client.create_flow_run_from_deployment(
            run.deployment_id,
            parameters={"sweep_id": found.sweep_id, "number": number},
            idempotency_key=f"sweep-{found.sweep_id}-{found.due_at.isoformat()}-{number}",
        )
