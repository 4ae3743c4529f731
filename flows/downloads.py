"""A schedule of downloads notes that its sources are due; the API makes jobs of them, a few at a time."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.states import Completed

from datasources.catalogue.engine import session_scope
from datasources.catalogue.schemas.due import note_due
from datasources.health.downloads import owner_of
from datasources.model.settings import Settings
from flows.states import declined


@flow(name="downloads", persist_result=False, result_storage=Path(tempfile.gettempdir()))
async def downloads(schedule: str | None = None) -> State[Any]:
    """Note that the schemas, or the lineage, of the sources that share this schedule are due for a download."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if schedule is None and run and run.created_by:
        # A schedule that is paused in the Prefect UI comes back without its parameters, but with its name.
        schedule = run.created_by.display_value
    owner = owner_of(schedule)
    if schedule is None or owner is None:
        return declined("Nothing to download: give the name of a schedule as the parameter schedule")
    async with session_scope(Settings.load()) as session:
        count = await note_due(session, owner, schedule, datetime.now(UTC))
    return Completed(message=f"{count} data source{' is' if count == 1 else 's are'} due")
