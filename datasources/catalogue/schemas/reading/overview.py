"""What is kept of a source's schema: an overview, its tables a page at a time, one of them."""

from collections.abc import AsyncIterator
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import Select, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from datasources.catalogue.schemas.content import read_table
from datasources.catalogue.schemas.figures import Figures
from datasources.catalogue.schemas.reading.batches import in_batches
from datasources.catalogue.schemas.store import SCHEMA, head
from datasources.catalogue.tables import KeptTable
from datasources.databases.base import Table, TableName

AT_ONCE = 200
"""Tables held in memory while all of them are read."""


class Overview(Struct, frozen=True, kw_only=True):
    """The newest version of a source's schema, without its tables."""

    version: int
    job_id: int
    """The test that found it first."""
    changed_at: datetime
    """When it was found first."""
    discovered_at: datetime
    """When the newest download ended that found it."""
    duration_ms: int
    figures: Figures
    changes: dict[str, int]
    """Since the version before, by kind of change."""


class Place(Struct, frozen=True, array_like=True):
    """Where in the tables of one version a page ended."""

    version: int
    schema: str
    name: str


class Wanted(Struct, frozen=True, kw_only=True):
    """Which tables; None leaves a filter out."""

    schema: str | None = None
    name: str | None = None


async def read_overview(session: AsyncSession, source_id: int) -> Overview | None:
    """What was found last; None when no download has been kept."""
    newest = await head(session, source_id, SCHEMA)
    if newest is None:
        return None
    return Overview(
        version=newest.number,
        job_id=newest.job_id,
        changed_at=newest.made_at,
        discovered_at=newest.confirmed_at,
        duration_ms=newest.duration_ms,
        figures=msgspec.convert(newest.figures, Figures),
        changes=newest.changes,
    )


async def read_tables(
    session: AsyncSession, source_id: int, version: int, wanted: Wanted, limit: int, after: Place | None = None
) -> list[Table]:
    """The next tables of this version after a place, in the order of their names."""
    chosen = _there_in(source_id, version, wanted)
    if after is not None:
        chosen = chosen.where(tuple_(KeptTable.schema_name, KeptTable.table_name) > (after.schema, after.name))
    order = chosen.order_by(KeptTable.schema_name, KeptTable.table_name).limit(limit)
    return [read_table(content, rows) for content, rows in await session.execute(order)]


def every_table(
    sessions: async_sessionmaker[AsyncSession], source_id: int, version: int, wanted: Wanted
) -> AsyncIterator[list[Table]]:
    """All tables of this version in the order of their names, in batches.

    A download that is stored meanwhile changes nothing of it.
    """

    async def read(session: AsyncSession, limit: int, after: Place | None) -> list[Table]:
        return await read_tables(session, source_id, version, wanted, limit, after)

    return in_batches(sessions, read, lambda table: Place(version, table.schema, table.name), AT_ONCE)


async def read_one(session: AsyncSession, source_id: int, name: TableName) -> Table | None:
    """The table of this name, as it is now; None when there is none."""
    there = KeptTable.source_id == source_id, KeptTable.until.is_(None)
    same = KeptTable.schema_name == storable(name.schema), KeptTable.table_name == storable(name.name)
    found = (await session.execute(select(KeptTable.content, KeptTable.rows).where(*there, *same))).one_or_none()
    return read_table(found.content, found.rows) if found else None


def _there_in(source_id: int, version: int, wanted: Wanted) -> Select[tuple[bytes, int | None]]:
    chosen = select(KeptTable.content, KeptTable.rows).where(
        KeptTable.source_id == source_id,
        KeptTable.since <= version,
        or_(KeptTable.until.is_(None), KeptTable.until > version),
    )
    if wanted.schema is not None:
        chosen = chosen.where(KeptTable.schema_name == storable(wanted.schema))
    if wanted.name is not None:
        chosen = chosen.where(KeptTable.table_name == storable(wanted.name))
    return chosen


def storable(text: str) -> str:
    """PostgreSQL has no NUL in a text, and refuses one in a question."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
