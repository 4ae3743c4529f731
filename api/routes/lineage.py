"""A source's lineage as a graph (contract 3.5)."""

from datetime import UTC, datetime
from typing import Annotated

from litestar import Response, get
from litestar.params import FromPath, QueryParameter

from api.dependencies import MemberDep, ServicesDep, SessionDep, require_source
from api.wire import streams
from api.wire.errors import Invalid
from api.wire.kept_lineage import LineageAnswer, Shape, answer_of, as_events, shown
from api.wire.responses import ENVELOPED
from api.wire.schemas import Envelope
from api.wire.streams import Cursor, Format, PageLimit, read_cursor, write_cursor
from datasources.catalogue.schemas.reading.column_lineage import with_columns
from datasources.catalogue.schemas.reading.graph import Direction, Graph, every_edge, read_edges, read_graph, through
from datasources.databases.base import TableName


@get(
    "/api/v1/data-sources/{source_id:str}/lineage",
    tags=["Schemas and lineage"],
    summary="Read the lineage of a data source",
    operation_id="get_data_source_lineage",
    responses=ENVELOPED,
)
async def lineage(
    source_id: FromPath[int],
    session: SessionDep,
    member: MemberDep,
    services: ServicesDep,
    schema_name: Annotated[
        str | None, QueryParameter(max_length=1000, description="Schema of the table to begin at")
    ] = None,
    table_name: Annotated[
        str | None, QueryParameter(max_length=2000, description="The table to begin at; all of the lineage if left out")
    ] = None,
    column_name: Annotated[
        str | None,
        QueryParameter(max_length=4000, description="Only what this column is made from, or what is made from it"),
    ] = None,
    direction: Annotated[Direction, QueryParameter(description="In which direction to go from it")] = Direction.both,
    depth: Annotated[int, QueryParameter(ge=1, le=20, description="Steps from the table")] = 3,
    shape: Annotated[
        Shape, QueryParameter(description="Ours, or one OpenLineage `JobEvent` for each target")
    ] = "plain",
    limit: PageLimit = 500,
    cursor: Cursor = None,
    format_: Format = "json",
) -> Response[Envelope[LineageAnswer]]:
    """Read the edges around one table, nearest first, or all edges a page at a time."""
    source = await require_source(session, member, source_id)
    at = datetime.now(UTC)
    if table_name is not None and schema_name is None:
        raise Invalid(["query", "schema_name"], "Name the schema of the table as well", "missing")
    if table_name is None and format_ == "ndjson":
        return streams.lines(as_events(every_edge(services.sessions, source_id), source, shape, at), shown)
    next_cursor = None
    if table_name is None or schema_name is None:
        found = await read_edges(session, source_id, limit + 1, read_cursor(cursor, int) or 0)
        graph = Graph(edges=[edge for _, edge in found[:limit]], depth={})
        next_cursor = write_cursor(found[limit - 1][0]) if len(found) > limit else None
    else:
        root = TableName(schema_name, table_name)
        graph = await with_columns(session, source, await read_graph(session, source_id, root, direction, depth))
        graph = through(graph, root, column_name) if column_name is not None else graph
    if format_ == "ndjson":
        return streams.lines(as_events(streams.at_once(graph.edges), source, shape, at), shown)
    return Response(Envelope(answer_of(source, graph, shape, at, next_cursor), "Lineage retrieved"))
