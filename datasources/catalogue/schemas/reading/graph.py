"""A source's lineage: around one table to some depth, or all of it a page at a time."""

from collections.abc import AsyncIterator, Collection, Iterable
from enum import StrEnum

from msgspec import Struct
from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from datasources.catalogue.schemas.content import read_edge
from datasources.catalogue.schemas.reading.batches import in_batches
from datasources.catalogue.schemas.reading.overview import storable
from datasources.catalogue.tables import KeptEdge
from datasources.databases.base import LineageEdge, TableName

MOST_EDGES = 5_000
"""Of one graph; beyond it, the graph is cut and says so."""
AT_ONCE = 500


class Direction(StrEnum):
    """Which way to walk from a table."""

    upstream = "upstream"
    """To what it is made from."""
    downstream = "downstream"
    """To what is made from it."""
    both = "both"


class Graph(Struct, frozen=True, kw_only=True):
    """Edges around a table, nearest first."""

    edges: list[LineageEdge]
    depth: dict[TableName, int]
    """How many steps each table is away; below zero on the way upstream."""
    truncated: bool = False
    """Whether there are more edges than are told."""


async def read_graph(session: AsyncSession, source_id: int, root: TableName, direction: Direction, depth: int) -> Graph:
    """Walk so many steps from a table; a table without edges is a graph by itself."""
    found: dict[tuple[TableName, TableName, str], LineageEdge] = {}
    places = {root: 0}
    for way, ends in ((Direction.upstream, _up), (Direction.downstream, _down)):
        if direction not in (way, Direction.both):
            continue
        frontier = {root}
        for step in range(1, depth + 1):
            edges = await _edges(session, source_id, ends(frontier)) if frontier else []
            found |= {(edge.source, edge.target, edge.origin): edge for edge in edges}
            if len(found) > MOST_EDGES:
                return Graph(edges=list(found.values())[:MOST_EDGES], depth=places, truncated=True)
            reached = {edge.source if way is Direction.upstream else edge.target for edge in edges}
            frontier = reached - places.keys()
            places |= dict.fromkeys(sorted(frontier), -step if way is Direction.upstream else step)
    return Graph(edges=list(found.values()), depth=places)


def through(graph: Graph, root: TableName, column: str) -> Graph:
    """What of a graph is about one column: the columns that it is made from, and those that are made from it.

    An edge of which it is not known what makes which column leads no further.
    """
    kept: dict[tuple[TableName, TableName, str], LineageEdge] = {}
    for upstream in (True, False):
        reached = {(root, column)}
        for edge in sorted(
            graph.edges, key=lambda edge: abs(graph.depth.get(edge.target if upstream else edge.source, 0))
        ):
            here, there = (edge.target, edge.source) if upstream else (edge.source, edge.target)
            pairs = [pair for pair in edge.column_edges if (here, pair.target if upstream else pair.source) in reached]
            if not pairs:
                continue
            reached |= {(there, pair.source if upstream else pair.target) for pair in pairs}
            key = (edge.source, edge.target, edge.origin)
            before = kept[key].column_edges if key in kept else []
            kept[key] = LineageEdge(
                source=edge.source,
                target=edge.target,
                columns=sorted({pair.source for pair in (*before, *pairs)}),
                column_edges=sorted({*before, *pairs}),
                origin=edge.origin,
            )
    names = {root, *(name for source, target, _ in kept for name in (source, target))}
    depth = {name: step for name, step in graph.depth.items() if name in names}
    return Graph(edges=list(kept.values()), depth=depth, truncated=graph.truncated)


async def read_edges(
    session: AsyncSession, source_id: int, limit: int, after: int = 0
) -> list[tuple[int, LineageEdge]]:
    """The next edges of a source as it is now, each with its id."""
    there = KeptEdge.source_id == source_id, KeptEdge.until.is_(None), KeptEdge.id > after
    rows = await session.execute(select(KeptEdge.id, KeptEdge.content).where(*there).order_by(KeptEdge.id).limit(limit))
    return [(found, read_edge(content)) for found, content in rows]


async def every_edge(sessions: async_sessionmaker[AsyncSession], source_id: int) -> AsyncIterator[list[LineageEdge]]:
    """All edges, in batches."""

    async def read(session: AsyncSession, limit: int, after: int | None) -> list[tuple[int, LineageEdge]]:
        return await read_edges(session, source_id, limit, after or 0)

    async for rows in in_batches(sessions, read, lambda row: row[0], AT_ONCE):
        yield [edge for _, edge in rows]


async def edges_into(session: AsyncSession, source_id: int, names: Collection[TableName]) -> list[LineageEdge]:
    """Every edge that leads to one of these tables, up to as many as a graph may have."""
    return await _edges(session, source_id, _up(names))


async def _edges(session: AsyncSession, source_id: int, ends: ColumnElement[bool]) -> list[LineageEdge]:
    there = KeptEdge.source_id == source_id, KeptEdge.until.is_(None)
    rows = await session.scalars(
        select(KeptEdge.content).where(*there, ends).order_by(KeptEdge.id).limit(MOST_EDGES + 1)
    )
    return [read_edge(content) for content in rows]


def _up(names: Collection[TableName]) -> ColumnElement[bool]:
    return tuple_(KeptEdge.to_schema, KeptEdge.to_table).in_(_rows(names))


def _down(names: Collection[TableName]) -> ColumnElement[bool]:
    return tuple_(KeptEdge.from_schema, KeptEdge.from_table).in_(_rows(names))


def _rows(names: Iterable[TableName]) -> list[tuple[str, str]]:
    return [(storable(name.schema), storable(name.name)) for name in names]
