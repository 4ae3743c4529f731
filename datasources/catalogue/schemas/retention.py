"""What bounds the history of schemas and lineage; what is there now stays, however old."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import aliased

from datasources.catalogue.tables import Base, DataSource, KeptEdge, KeptTable, SchemaChange, SchemaVersion


async def remove_old_schemas(sessions: async_sessionmaker[AsyncSession], old: datetime) -> int:
    """Remove what was closed before `old`, changes of before, and versions that were last found before, but the newest.

    Of a source that was removed before, all goes. Answers how many rows.
    """
    gone = select(DataSource.id).where(DataSource.deleted_at < old)
    told = or_(SchemaChange.emitted_at.is_not(None), SchemaChange.announced.is_(False))
    count = await _remove(sessions, KeptTable, or_(KeptTable.closed_at < old, KeptTable.source_id.in_(gone)))
    count += await _remove(sessions, KeptEdge, or_(KeptEdge.closed_at < old, KeptEdge.source_id.in_(gone)))
    count += await _remove(sessions, SchemaChange, and_(told, SchemaChange.changed_at < old))
    past = and_(SchemaVersion.confirmed_at < old, _is_not_newest())
    return count + await _remove(sessions, SchemaVersion, or_(past, SchemaVersion.source_id.in_(gone)))


def _is_not_newest() -> ColumnElement[bool]:
    later = aliased(SchemaVersion)
    same = (later.source_id == SchemaVersion.source_id) & (later.part == SchemaVersion.part)
    return select(later.id).where(same, later.number > SchemaVersion.number).correlate(SchemaVersion).exists()


async def _remove(sessions: async_sessionmaker[AsyncSession], table: type[Base], which: ColumnElement[bool]) -> int:
    """In one transaction: each is written by the thousand, and removed as it was written."""
    async with sessions.begin() as session:
        removed = await session.execute(delete(table).where(which).execution_options(synchronize_session=False))
    return int(removed.rowcount)  # type: ignore[attr-defined]  # of a statement that changes rows
