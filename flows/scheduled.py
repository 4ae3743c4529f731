"""A run that a schedule or an operator started: it makes its own job, or drops itself when there is nothing to do."""

from datetime import UTC, datetime
from typing import Any

from prefect.client.schemas.objects import State
from prefect.client.utilities import get_or_create_client
from prefect.context import FlowRunContext
from prefect.states import Completed

from datasources.catalogue.engine import session_scope
from datasources.catalogue.scheduled import Begun, Due, begin
from datasources.health.plan import source_of
from datasources.model.settings import Settings
from datasources.model.steps import SCHEDULE
from flows.states import declined
from flows.tags import run_name, run_tags

DROPPED = "Dropped"
"""Name of the COMPLETED state of a run that checked nothing; its message says why."""


async def own_job(settings: Settings, source_id: int | None) -> int | State[Any]:
    """The id of this run's job; the state to end with when it shall not run."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run and source_id is None and run.created_by:
        # A schedule that is paused in the Prefect UI comes back without its parameters, but with its name.
        source_id = source_of(run.created_by.display_value)
    if run is None or source_id is None:
        return declined("Nothing to test: give the id of a data source as the parameter source_id")
    now = datetime.now(UTC)
    due = Due(source_id, run.id, run.expected_start_time or now)
    async with session_scope(settings) as session:
        begun = await begin(session, due, now, settings.job_timeout, settings.slots_per_worker)
    if not isinstance(begun, Begun):
        return Completed(name=DROPPED, message=begun)
    client, _ = get_or_create_client()
    tags = run_tags(job_id=begun.job_id, source_id=source_id, organization_id=begun.organization_id)
    name = run_name(begun.source_name, begun.job_id, SCHEDULE, by_hand=not run.auto_scheduled)
    await client.update_flow_run(run.id, name=name, tags=sorted({*run.tags, *tags}))
    return begun.job_id
