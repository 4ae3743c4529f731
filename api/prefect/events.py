"""Changes of state as Prefect events: one each, however often it has to be sent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.events import Event, RelatedResource, Resource
from prefect.types import DateTime

from api.prefect._private import send_events, stored_events
from datasources.catalogue.health.status_changes import UnsentChange
from datasources.health.standing import happened
from datasources.model.errors import REMEDIATIONS
from datasources.model.inputs.texts import visible
from datasources.model.vocabulary import ErrorCode, StatusEvent
from flows.prefect_events import FLOW_RUN


class Unsent(Protocol):
    """What an event tells."""

    @property
    def id(self) -> int:
        """Its own, in the catalogue."""

    @property
    def changed_at(self) -> datetime:
        """When it happened."""

    @property
    def event_id(self) -> UUID:
        """The same each time that it is sent."""


class Events:
    """Sends them, and asks which ones Prefect has stored."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client

    async def send(self, events: Sequence[Event]) -> None:
        """Hand them to Prefect, which stores them within seconds."""
        await send_events(self._client, events)

    async def stored(self, changes: Sequence[Unsent]) -> set[UUID]:
        """The ids of those that Prefect has stored."""
        since = min(change.changed_at for change in changes)
        wanted: dict[str, Any] = {
            "id": {"id": [str(change.event_id) for change in changes]},
            "occurred": {"since": since.isoformat()},
        }
        return await stored_events(self._client, wanted, len(changes))


def event(change: UnsentChange) -> Event:
    """What automations see."""
    related = []
    if change.flow_run_id:
        run = {"prefect.resource.id": f"{FLOW_RUN}{change.flow_run_id}", "prefect.resource.role": "flow-run"}
        related.append(RelatedResource.model_validate(run))
    return Event(
        id=change.event_id,
        occurred=DateTime.fromisoformat(change.changed_at.isoformat()),
        event=StatusEvent.down if change.became == "failed" else StatusEvent.up,
        resource=Resource.model_validate(
            {
                "prefect.resource.id": f"data-source.{change.source_id}",
                "prefect.resource.name": visible(change.source_name),
                "sourcecheck.organization": change.organization_name,
                "sourcecheck.organization-id": str(change.organization_id),
            }
        ),
        related=related,
        payload={
            "data_source_id": change.source_id,
            "name": visible(change.source_name),
            "was": change.was,
            "became": change.became,
            "happened": happened(change.was, change.became),
            "reason": change.reason,
            "error_code": change.error_code,
            "remediation": _advice(change),
            "job_id": change.job_id,
            "changed_at": change.changed_at.isoformat(),
        },
    )


def _advice(change: UnsentChange) -> str | None:
    """What the check said to do; the code's general advice where an older version wrote the change down."""
    if change.remediation or not change.error_code:
        return change.remediation and visible(change.remediation)
    return REMEDIATIONS[ErrorCode(change.error_code)]
