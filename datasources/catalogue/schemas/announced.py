"""Changes of schemas that Prefect has not been told yet: each becomes one event."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.health.status_changes import EVENT_IDS
from datasources.catalogue.schemas.compare import TableChange
from datasources.catalogue.tables import DataSource, Organization, SchemaChange


class UnsentSchemaChange(Struct, frozen=True, kw_only=True):
    """A change with what people want to know of it; nothing here is secret."""

    id: int
    source_id: int
    source_name: str
    organization_id: int
    organization_name: str
    job_id: int
    version: int
    changed_at: datetime
    change: str
    schema: str
    table: str
    sentence: str
    """What happened, for people."""

    @property
    def event_id(self) -> UUID:
        """The same each time: Prefect keeps an event of a known id once. Numbers alone come again elsewhere."""
        return uuid5(EVENT_IDS, f"schema {self.id} {self.source_id} {self.job_id} {self.changed_at.isoformat()}")


async def unsent_changes(session: AsyncSession, limit: int) -> list[UnsentSchemaChange]:
    """Changes that Prefect is not known to have, oldest first."""
    rows = await session.execute(
        select(SchemaChange, DataSource.name, Organization.id, Organization.name)
        .join(DataSource, DataSource.id == SchemaChange.source_id)
        .join(Organization, Organization.id == DataSource.organization_id)
        .where(SchemaChange.announced, SchemaChange.emitted_at.is_(None))
        .order_by(SchemaChange.id)
        .limit(limit)
    )
    return [
        UnsentSchemaChange(
            id=row.id,
            source_id=row.source_id,
            source_name=name,
            organization_id=organization_id,
            organization_name=organization,
            job_id=row.job_id,
            version=row.version,
            changed_at=row.changed_at,
            change=row.change,
            schema=row.schema_name,
            table=row.table_name,
            sentence=msgspec.convert(row.details, TableChange).sentence,
        )
        for row, name, organization_id, organization in rows
    ]


async def mark_sent(session: AsyncSession, changes: Sequence[UnsentSchemaChange], stored: Collection[UUID]) -> set[int]:
    """Note which of these changes Prefect has stored, by the ids of its events; answers the ids of those changes."""
    sent = {change.id for change in changes if change.event_id in stored}
    if sent:
        chosen = update(SchemaChange).where(SchemaChange.id.in_(sent))
        await session.execute(chosen.values(emitted_at=datetime.now(UTC)))
    return sent
