"""Which column is made from which, where the server's own record of dependencies does not say: from the views' texts.

Read when it is asked for and not when it is kept: parsing takes milliseconds a view, and few are looked at. A text that
takes longer than seconds is given up.
"""

import asyncio
from weakref import WeakValueDictionary

from msgspec import structs
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.schemas.content import read_table
from datasources.catalogue.schemas.reading.graph import Graph, edges_into
from datasources.catalogue.tables import DataSource, KeptTable
from datasources.databases import DATABASES
from datasources.databases.base import ColumnEdge, LineageEdge, Origin, Table, TableName

Name = tuple[str, str]
"""Schema and table."""

MOST_VIEWS = 50
"""Views that are read for one graph, the nearest first; of others it is not known what makes which column."""
_turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
"""By organization, as long as a request has one."""


async def with_columns(session: AsyncSession, source: DataSource, graph: Graph) -> Graph:
    """The graph, with the columns that views make of others as far as their kept texts tell."""
    dialect = DATABASES[source.type].dependency_dialect
    bare = [edge for edge in graph.edges if edge.origin is Origin.dependency_record and not edge.column_edges]
    views = list(dict.fromkeys(edge.target for edge in bare))[:MOST_VIEWS]
    if dialect is None or not views:
        return graph
    named = dict.fromkeys([*views, *(edge.source for edge in bare if edge.target in views)])
    tables = await _tables(session, source.id, list(named))
    recorded = {} if _is_partly_kept(source) else _recorded(await edges_into(session, source.id, views))
    await session.commit()  # nothing is written: its connection is free while the texts are read
    async with turn_of(source.organization_id):
        made = await columns_made([tables[view] for view in views if view in tables], tables, recorded, dialect)
    return structs.replace(graph, edges=[_filled(edge, made) for edge in graph.edges])


def turn_of(organization_id: int) -> asyncio.Lock:
    """Held while texts of this organization are read: those that take their seconds hold up its own requests alone."""
    return _turns.setdefault(organization_id, asyncio.Lock())


async def columns_made(
    views: list[Table], tables: dict[TableName, Table], recorded: dict[TableName, list[Name]], dialect: str
) -> dict[tuple[TableName, TableName], list[ColumnEdge]]:
    """What these views make of the columns of these tables, by source and target; nothing where it takes too long.

    Of a view that is `recorded`, nothing is told where its text says something else.
    """
    from datasources.databases.view_lineage import Texts, View, lineage_apart

    columns = [((name.schema, name.name), [column.name for column in table.columns]) for name, table in tables.items()]
    texts = [
        View(view.schema, view.name, view.definition, recorded.get(TableName(view.schema, view.name))) for view in views
    ]
    found = await lineage_apart(Texts(texts, columns, dialect))
    return {(edge.source, edge.target): edge.column_edges for edge in found.edges} if found else {}


def _is_partly_kept(source: DataSource) -> bool:
    """Whether the source's lists leave out tables, so that what is kept of the server's record is not all of it."""
    return bool(source.fields.get("catalog_include_list") or source.fields.get("catalog_exclude_list"))


def _recorded(edges: list[LineageEdge]) -> dict[TableName, list[Name]]:
    """The tables that each view reads by the server's record."""
    found: dict[TableName, list[Name]] = {}
    for edge in edges:
        if edge.origin is Origin.dependency_record:
            found.setdefault(edge.target, []).append((edge.source.schema, edge.source.name))
    return found


def _filled(edge: LineageEdge, made: dict[tuple[TableName, TableName], list[ColumnEdge]]) -> LineageEdge:
    pairs = made.get((edge.source, edge.target))
    return structs.replace(edge, column_edges=pairs) if pairs and not edge.column_edges else edge


async def _tables(session: AsyncSession, source_id: int, names: list[TableName]) -> dict[TableName, Table]:
    there = KeptTable.source_id == source_id, KeptTable.until.is_(None)
    same = tuple_(KeptTable.schema_name, KeptTable.table_name).in_([(name.schema, name.name) for name in names])
    tables = (read_table(content) for content in await session.scalars(select(KeptTable.content).where(*there, same)))
    return {TableName(table.schema, table.name): table for table in tables}
