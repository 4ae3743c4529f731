"""What a source holds: its tables, a search, what has changed, and lineage that can be walked."""

from collections.abc import Sequence

import msgspec
from litestar import Controller, get
from litestar.params import FromPath
from litestar.response import Template
from msgspec import Struct

from api.dependencies import SessionDep, require_source
from api.pages.drawing.lineage import address_of, picture
from api.pages.rendering import ReaderDep
from api.wire.errors import Problem
from datasources.catalogue.schemas.compare import EdgeChange, TableChange
from datasources.catalogue.schemas.reading.graph import Direction, read_graph
from datasources.catalogue.schemas.reading.history import KeptChange, WantedChanges, read_changes
from datasources.catalogue.schemas.reading.overview import Place, Wanted, read_one, read_overview, read_tables, storable
from datasources.catalogue.schemas.reading.references import read_referrers
from datasources.catalogue.schemas.reading.search import search_tables
from datasources.databases.base import Table, TableName

SHOWN = 100
CHANGES_SHOWN = 40
DEPTHS = (1, 2, 3, 5)


class ChangeLine(Struct, frozen=True):
    """One change, in words."""

    kept: KeptChange
    sentence: str
    address: str


class SchemaPageController(Controller):
    """`/sources/{id}/schema` and its tables."""

    path = "/sources/{source_id:str}/schema"

    @get("/")
    async def index(self, source_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Template:
        """The tables, those that a search finds, and what has changed."""
        source = await require_source(session, reader.member, source_id)
        overview = await read_overview(session, source_id)
        query = reader.request.query_params
        q, after = query.get("q", "")[:200], query.get("after")
        tables: Sequence[Table] = ()
        if overview is not None and q.strip():
            hits = await search_tables(session, reader.member.organization_id, q, SHOWN + 1, source_id=source_id)
            tables = [hit.table for hit in hits]
        elif overview is not None:
            place = Place(overview.version, *_split(after)) if after else None
            tables = await read_tables(session, source_id, overview.version, Wanted(), SHOWN + 1, place)
        changes = await read_changes(session, source_id, WantedChanges(), CHANGES_SHOWN)
        return await reader.show(
            "schema.html",
            here="sources",
            source=source,
            overview=overview,
            q=q,
            tables=tables[:SHOWN],
            after=_place(tables[SHOWN - 1]) if len(tables) > SHOWN else None,
            changes=[_line(source_id, change) for change in changes],
            address_of=address_of,
            table_name=TableName,
        )

    @get("/table")
    async def table(self, source_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Template:
        """One table: columns, keys, definition, changes, and the lineage around it."""
        source = await require_source(session, reader.member, source_id)
        query = reader.request.query_params
        name = TableName(query.get("schema", ""), query.get("name", ""))
        depth = next((step for step in DEPTHS if str(step) == query.get("depth")), 2)
        table = await read_one(session, source_id, name)
        graph = await read_graph(session, source_id, name, Direction.both, depth)
        if table is None and not graph.edges:
            raise Problem(404, "This source has no such table now")
        wanted = WantedChanges(schema=name.schema, table=name.name)
        changes = await read_changes(session, source_id, wanted, CHANGES_SHOWN)
        return await reader.show(
            "table.html",
            here="sources",
            source=source,
            name=name,
            table=table,
            referrers=await read_referrers(session, source_id, name),
            graph=graph,
            picture=picture(graph, name, source_id),
            depth=depth,
            depths=DEPTHS,
            changes=[_line(source_id, change) for change in changes],
            address=address_of(source_id, name),
            address_of=address_of,
        )


def _line(source_id: int, change: KeptChange) -> ChangeLine:
    kind: type[TableChange | EdgeChange] = TableChange if change.part == "schema" else EdgeChange
    found = msgspec.convert(change.details, kind)
    return ChangeLine(change, found.sentence, address_of(source_id, TableName(change.schema, change.table)))


def _place(table: Table) -> str:
    return f"{table.schema}\n{table.name}"


def _split(after: str) -> tuple[str, str]:
    schema, _, name = storable(after).partition("\n")
    return schema, name
