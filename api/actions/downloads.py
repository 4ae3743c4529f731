"""When a source's schema and lineage are downloaded without a test (docs/schemas.md)."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api.actions.sources import change_fields
from api.auth import Member
from api.dependencies import require_source
from api.runtime import Services
from api.wire.errors import Problem
from api.wire.requests import WantedDownloads
from datasources.catalogue.tables import DataSource
from datasources.health.downloads import Asked, DownloadField, asked_by


async def put(
    session: AsyncSession, services: Services, member: Member, source_id: int, wanted: WantedDownloads
) -> DataSource:
    """Download at these times from now on; what is paused stays so. Raises `Problem`: 422 with the field at fault."""
    row = await require_source(session, member, source_id, for_change=True)
    dialect: dict[str, Any] = {"schema_auto_refresh": wanted.schema_auto_refresh}
    if wanted.schema_auto_refresh:
        dialect["schema_refresh_interval"] = wanted.schema_refresh_interval
    change = {"schema_indexing_schedule": wanted.schema_indexing_schedule, "lineage_schedule": wanted.lineage_schedule}
    await _change(session, services, member, row, change, dialect)
    return row


async def pause(
    session: AsyncSession, services: Services, member: Member, source_id: int, field: DownloadField, *, paused: bool
) -> Asked:
    """Pause the schedule that this field asks for, or go on with it. Raises `Problem`: 404 without one."""
    row = await require_source(session, member, source_id, for_change=True)
    asked = require_download(row, field)
    kept = [name for name in row.fields.get("paused_downloads") or () if name != field]
    await _change(session, services, member, row, {"paused_downloads": [*kept, field] if paused else kept})
    return asked


async def remove(
    session: AsyncSession, services: Services, member: Member, source_id: int, field: DownloadField
) -> Asked:
    """Download no longer at the times that this field asks for. Raises `Problem`: 404 without such a schedule."""
    row = await require_source(session, member, source_id, for_change=True)
    asked = require_download(row, field)
    change: dict[str, Any] = {
        "paused_downloads": [name for name in row.fields.get("paused_downloads") or () if name != field]
    }
    if field == "schema_auto_refresh":
        await _change(session, services, member, row, change, {field: False})
    else:
        await _change(session, services, member, row, change | {field: None})
    return asked


def require_download(row: DataSource, field: DownloadField) -> Asked:
    """The schedule that this field asks for. Raises `Problem`: 404 without one."""
    found = next((asked for asked in asked_by(row.fields, row.dialect) if asked.field == field), None)
    if found is None:
        raise Problem(404, "This data source has no such schedule of downloads")
    return found


async def _change(
    session: AsyncSession,
    services: Services,
    member: Member,
    row: DataSource,
    change: dict[str, Any],
    dialect: dict[str, Any] | None = None,
) -> None:
    row.dialect = row.dialect | (dialect or {})
    await change_fields(session, services, member, row, change)
