"""The API's room for undocumented parts of Prefect: requests that its client has no method for.

`tests/deployments/test_prefect_seams.py` says in words what breaks when a version of Prefect changes one.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.events import Event


async def send_events(client: PrefectClient, events: Sequence[Event]) -> None:
    """Hand events to the server and know that it has them. Prefect's `emit_event` sends them in the background."""
    await client.request("POST", "/events", json=[event.model_dump(mode="json") for event in events])


async def stored_events(client: PrefectClient, wanted: Mapping[str, Any], limit: int) -> set[UUID]:
    """The ids of the events that the server has, by Prefect's own filter."""
    return {UUID(found["id"]) for found in await read_events(client, wanted, limit)}


async def read_events(client: PrefectClient, wanted: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
    """The events that the server has, by Prefect's own filter. Its client does not read events."""
    answer = await client.request("POST", "/events/filter", json={"filter": wanted, "limit": limit})
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


async def plan_runs(client: PrefectClient, deployment_id: UUID, ahead_seconds: float, runs: int) -> None:
    """Have the deployment's next runs planned now, not within a minute. Prefect's client has no method for it."""
    await client.request(
        "POST",
        "/deployments/{id}/schedule",
        path_params={"id": deployment_id},
        json={"min_time": ahead_seconds, "min_runs": runs},
    )
