"""A run that an operator started: it makes its own job, or drops itself when there is nothing to do."""

from datetime import UTC, datetime
from typing import Any

from prefect.client.schemas.objects import State
from prefect.client.utilities import get_or_create_client
from prefect.context import FlowRunContext
from prefect.states import Completed

from datasources.catalogue.engine import session_scope
from datasources.catalogue.jobs.by_hand import Begun, begin
from datasources.model.settings import Settings
from datasources.model.steps import SCHEDULE
from flows.states import DROPPED, declined
from flows.tags import run_name, run_tags


async def own_job(settings: Settings, source_id: int | None) -> int | State[Any]:
    """The id of this run's job, or the state to end with if it must not run."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or source_id is None:
        return declined("Nothing to test: give the id of a data source as the parameter source_id")
    async with session_scope(settings) as session:
        now = datetime.now(UTC)
        begun = await begin(session, source_id, run.id, now, settings.job_timeout, settings.slots_per_worker)
    if not isinstance(begun, Begun):
        return Completed(name=DROPPED, message=begun)
    client, _ = get_or_create_client()
    tags = run_tags(job_id=begun.job_id, source_id=source_id, organization_id=begun.organization_id)
    name = run_name(begun.source_name, begun.job_id, SCHEDULE, by_hand=True)
    await client.update_flow_run(run.id, name=name, tags=sorted({*run.tags, *tags}))
    return begun.job_id
