"""Where names and comments of an organization's tables and columns hold some words."""

from collections.abc import AsyncIterator, Iterator
from typing import Literal

from msgspec import Struct
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from datasources.catalogue.schemas.content import read_table
from datasources.catalogue.schemas.reading.batches import in_batches
from datasources.catalogue.schemas.reading.overview import AT_ONCE, storable
from datasources.catalogue.tables import MAX_ID, DataSource, KeptTable
from datasources.databases.base import Table

MATCHES_SHOWN = 20
"""Names and comments of one table that are quoted."""

Field = Literal["schema_name", "table_name", "table_comment", "column_name", "column_comment"]


class Match(Struct, frozen=True, kw_only=True):
    """A name or a comment that holds one of the words."""

    field: Field
    text: str
    column: str | None = None


class Hit(Struct, frozen=True, kw_only=True):
    """A table that was found."""

    source_id: int
    source_name: str
    table: Table
    matches: list[Match]

    @property
    def place(self) -> "After":
        """Where in the hits it stands."""
        return After(self.source_id, self.table.schema, self.table.name)


class After(Struct, frozen=True, array_like=True):
    """Where in the hits a page ended."""

    source_id: int
    schema: str
    name: str


async def search_tables(
    session: AsyncSession,
    organization_id: int,
    text: str,
    limit: int,
    after: After | None = None,
    source_id: int | None = None,
) -> list[Hit]:
    """Tables of the organization whose names and comments hold each of the words, in any case.

    They are tables as they are now, in the order of sources and names. A text without words finds nothing.
    """
    words = storable(text).lower().split()
    if not words or (source_id is not None and not 0 < source_id <= MAX_ID):
        return []
    place = (KeptTable.source_id, KeptTable.schema_name, KeptTable.table_name)
    chosen = (
        select(KeptTable.source_id, DataSource.name, KeptTable.content, KeptTable.rows)
        .join(DataSource, DataSource.id == KeptTable.source_id)
        .where(DataSource.organization_id == organization_id, DataSource.deleted_at.is_(None))
        .where(KeptTable.until.is_(None), *(KeptTable.searched.contains(word, autoescape=True) for word in words))
    )
    if source_id is not None:
        chosen = chosen.where(KeptTable.source_id == source_id)
    if after is not None:
        chosen = chosen.where(tuple_(*place) > (after.source_id, after.schema, after.name))
    rows = await session.execute(chosen.order_by(*place).limit(limit))
    return [
        Hit(source_id=found, source_name=name, table=table, matches=matches(table, words))
        for found, name, content, estimate in rows
        for table in [read_table(content, estimate)]
    ]


def every_hit(
    sessions: async_sessionmaker[AsyncSession], organization_id: int, text: str, source_id: int | None = None
) -> AsyncIterator[list[Hit]]:
    """All hits, in batches."""

    async def read(session: AsyncSession, limit: int, after: After | None) -> list[Hit]:
        return await search_tables(session, organization_id, text, limit, after, source_id)

    return in_batches(sessions, read, lambda hit: hit.place, AT_ONCE)


def matches(table: Table, words: list[str]) -> list[Match]:
    """What of the table holds one of the words, which are in small letters."""
    found = (match for match in _texts(table) if any(word in match.text.lower() for word in words))
    return [match for match, _ in zip(found, range(MATCHES_SHOWN), strict=False)]


def _texts(table: Table) -> Iterator[Match]:
    yield Match(field="schema_name", text=table.schema)
    yield Match(field="table_name", text=table.name)
    if table.comment:
        yield Match(field="table_comment", text=table.comment)
    for column in table.columns:
        yield Match(field="column_name", text=column.name, column=column.name)
        if column.comment:
            yield Match(field="column_comment", text=column.comment, column=column.name)
