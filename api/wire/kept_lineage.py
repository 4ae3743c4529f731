"""A source's lineage as it is answered: in a plain shape, or in OpenLineage's."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from api.wire.kept_schema import EdgeAnswer, edge_answer
from api.wire.openlineage import events
from datasources.catalogue.schemas.reading.graph import Graph
from datasources.catalogue.tables import DataSource
from datasources.databases.base import LineageEdge

Shape = Literal["plain", "openlineage"]


class Node(Struct, frozen=True, kw_only=True):
    """A table of the graph."""

    schema_name: str
    table_name: str
    depth: int | None
    """Steps from the table where the graph begins: below zero for what that is made from; null in a page of all."""


class LineageAnswer(Struct, frozen=True, kw_only=True):
    """A lineage; `nodes` and `edges` in the plain shape, `events` in OpenLineage's."""

    data_source_id: int
    nodes: list[Node] | UnsetType = UNSET
    edges: list[EdgeAnswer] | UnsetType = UNSET
    events: list[dict[str, Any]] | UnsetType = UNSET
    truncated: bool
    """Whether the graph was cut, because it has too many edges."""
    next_cursor: str | None


def answer_of(source: DataSource, graph: Graph, shape: Shape, at: datetime, next_cursor: str | None) -> LineageAnswer:
    """The graph in one of the two shapes."""
    if shape == "openlineage":
        return LineageAnswer(
            data_source_id=source.id,
            events=events(source, graph.edges, at),
            truncated=graph.truncated,
            next_cursor=next_cursor,
        )
    names = dict.fromkeys([*graph.depth, *(name for edge in graph.edges for name in (edge.source, edge.target))])
    return LineageAnswer(
        data_source_id=source.id,
        nodes=[Node(schema_name=name.schema, table_name=name.name, depth=graph.depth.get(name)) for name in names],
        edges=[edge_answer(edge) for edge in graph.edges],
        truncated=graph.truncated,
        next_cursor=next_cursor,
    )


async def as_events(
    batches: AsyncIterator[Sequence[LineageEdge]], source: DataSource, shape: Shape, at: datetime
) -> AsyncIterator[Sequence[Any]]:
    """Edges in the plain shape, or events: one for each target among the edges of a batch."""
    async for batch in batches:
        yield events(source, batch, at) if shape == "openlineage" else [edge_answer(edge) for edge in batch]


def shown(item: Any) -> Any:
    """It is in its shape already."""
    return item
