"""Names and labels of Prefect's events about runs and work pools, which it does not document: a room of its own.

`tests/deployments/test_prefect_seams.py` says in words what breaks when a version of Prefect changes one.
"""

from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import State, StateType
from prefect.events import Event

FLOW_RUN = "prefect.flow-run."
"""What the names of events begin with that tell of a new state, and the ids of their resources; the state's name, or
the run's id, follows."""
WORK_POOL = "prefect.work-pool."
"""What the id of a related resource begins with; the work pool's id follows."""
LIMITS_CHANGED = (
    "prefect.work-pool.paused",
    "prefect.work-pool.updated",
    "prefect.work-queue.paused",
    "prefect.work-queue.updated",
)
"""An operator has paused, or given a limit to, the pool or one of its queues."""


def flow_run_of(event: Event) -> UUID:
    """The flow run that the event is about."""
    return UUID(event.resource.id.removeprefix(FLOW_RUN))


def completed_state(event: Event) -> State[Any] | None:
    """The state of a run that has completed. None for any other: its end has details that no event has."""
    said = event.resource
    if said.get("prefect.state-type") != StateType.COMPLETED.value:
        return None
    message = said.get("prefect.state-message")
    return State[Any](type=StateType.COMPLETED, name=said.get("prefect.state-name"), message=message)
