"""Changes of a schema as Prefect events: one each, however often it has to be sent."""

from prefect.events import Event, Resource
from prefect.types import DateTime

from datasources.catalogue.schemas.announced import UnsentSchemaChange
from datasources.model.inputs.texts import visible
from datasources.model.vocabulary import SCHEMA_EVENTS


def schema_event(change: UnsentSchemaChange) -> Event:
    """What automations see."""
    return Event(
        id=change.event_id,
        occurred=DateTime.fromisoformat(change.changed_at.isoformat()),
        event=SCHEMA_EVENTS[change.change],
        resource=Resource.model_validate(
            {
                "prefect.resource.id": f"data-source.{change.source_id}",
                "prefect.resource.name": visible(change.source_name),
                "sourcecheck.organization": change.organization_name,
                "sourcecheck.organization-id": str(change.organization_id),
                "sourcecheck.schema": visible(change.schema),
                "sourcecheck.table": visible(change.table),
            }
        ),
        payload={
            "data_source_id": change.source_id,
            "name": visible(change.source_name),
            "schema_name": visible(change.schema),
            "table_name": visible(change.table),
            "change": change.change,
            "sentence": visible(change.sentence),
            "version": change.version,
            "job_id": change.job_id,
            "changed_at": change.changed_at.isoformat(),
        },
    )
