"""What has changed in a source's schema and lineage, newest first."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from datasources.catalogue.schemas.compare import Change
from datasources.catalogue.schemas.reading.batches import in_batches
from datasources.catalogue.schemas.reading.overview import AT_ONCE, storable
from datasources.catalogue.tables import SchemaChange


class WantedChanges(Struct, frozen=True, kw_only=True):
    """Which changes; None leaves a filter out."""

    part: str | None = None
    change: Change | None = None
    schema: str | None = None
    table: str | None = None
    since: datetime | None = None


class KeptChange(Struct, frozen=True, kw_only=True):
    """One change; `details` is a `compare.TableChange` or a `compare.EdgeChange` as plain data."""

    id: int
    part: str
    version: int
    job_id: int
    changed_at: datetime
    change: str
    schema: str
    table: str
    details: dict[str, Any]
    announced: bool


async def read_changes(
    session: AsyncSession, source_id: int, wanted: WantedChanges, limit: int, before: int | None = None
) -> list[KeptChange]:
    """The next changes before the one of this id."""
    chosen = select(SchemaChange).where(SchemaChange.source_id == source_id)
    if wanted.part is not None:
        chosen = chosen.where(SchemaChange.part == wanted.part)
    if wanted.change is not None:
        chosen = chosen.where(SchemaChange.change == wanted.change.value)
    if wanted.schema is not None:
        chosen = chosen.where(SchemaChange.schema_name == storable(wanted.schema))
    if wanted.table is not None:
        chosen = chosen.where(SchemaChange.table_name == storable(wanted.table))
    if wanted.since is not None:
        chosen = chosen.where(SchemaChange.changed_at >= wanted.since)
    if before is not None:
        chosen = chosen.where(SchemaChange.id < before)
    rows = await session.scalars(chosen.order_by(SchemaChange.id.desc()).limit(limit))
    return [
        KeptChange(
            id=row.id,
            part=row.part,
            version=row.version,
            job_id=row.job_id,
            changed_at=row.changed_at,
            change=row.change,
            schema=row.schema_name,
            table=row.table_name,
            details=row.details,
            announced=row.announced,
        )
        for row in rows
    ]


def every_change(
    sessions: async_sessionmaker[AsyncSession], source_id: int, wanted: WantedChanges
) -> AsyncIterator[list[KeptChange]]:
    """All changes, newest first, in batches."""

    async def read(session: AsyncSession, limit: int, before: int | None) -> list[KeptChange]:
        return await read_changes(session, source_id, wanted, limit, before)

    return in_batches(sessions, read, lambda change: change.id, AT_ONCE)
