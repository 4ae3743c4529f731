"""What is kept of a source's schema (contract 3.5): discovered anew, read, searched."""

from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.params import FromPath, QueryParameter

from api.dependencies import MemberDep, ServicesDep, SessionDep, lock_source_for_test, require_source
from api.jobs.discovery import discover
from api.limits import ASKS_FOR_TEST
from api.wire import streams
from api.wire.errors import Problem
from api.wire.kept_schema import (
    Discovery,
    FoundTables,
    KeptSchemas,
    OneTable,
    SchemaChanges,
    by_schema,
    change_answer,
    discovery_of,
    found_table,
    one_table,
)
from api.wire.responses import DISCOVERY_FAILED, ENVELOPED, ENVELOPED_INVALID, ENVELOPED_OVERLOAD
from api.wire.schemas import Envelope
from api.wire.streams import Cursor, Format, PageLimit, read_cursor, write_cursor
from datasources.catalogue.schemas.compare import Change
from datasources.catalogue.schemas.reading.column_lineage import with_columns
from datasources.catalogue.schemas.reading.graph import Direction, read_graph
from datasources.catalogue.schemas.reading.history import WantedChanges, every_change, read_changes
from datasources.catalogue.schemas.reading.overview import (
    Place,
    Wanted,
    every_table,
    read_one,
    read_overview,
    read_tables,
)
from datasources.catalogue.schemas.reading.search import After, every_hit, search_tables
from datasources.databases.base import TableName

RETRIEVED = "Schema information retrieved successfully"
SchemaName = Annotated[str | None, QueryParameter(max_length=300, description="Only this schema")]
TableNameInQuery = Annotated[str | None, QueryParameter(max_length=1100, description="Only tables of this name")]


class SchemaController(Controller):
    """`/api/v1/data-sources/{id}/schemas` and what belongs to it."""

    path = "/api/v1/data-sources"
    tags = ("Schemas and lineage",)

    @post(
        "/{source_id:str}/discover-schema",
        status_code=200,
        summary="Discover the schema of a data source",
        operation_id="discover_data_source_schema",
        opt=ASKS_FOR_TEST,
        responses=ENVELOPED | ENVELOPED_OVERLOAD | DISCOVERY_FAILED,
    )
    async def discover(
        self,
        source_id: FromPath[int],
        session: SessionDep,
        member: MemberDep,
        services: ServicesDep,
        schema_name: SchemaName = None,
        refresh: Annotated[
            bool, QueryParameter(description="Read the source again, even if its schema is kept")
        ] = False,
    ) -> Envelope[Discovery]:
        """Count tables, views and columns, from what is kept or after a new download.

        If nothing is kept of a source yet, it is read in any case.
        """
        source = await require_source(session, member, source_id)
        overview = await read_overview(session, source_id)
        if refresh or overview is None:
            await session.rollback()
            source = await lock_source_for_test(session, member, source_id)
            overview = await discover(services.submitter, services.watch, session, member, source)
        return Envelope(discovery_of(source_id, overview, schema_name), "Schema discovery completed")

    @get(
        "/{source_id:str}/schemas",
        summary="Read the tables and columns of a data source",
        operation_id="get_data_source_schemas",
        responses=ENVELOPED,
    )
    async def read(
        self,
        source_id: FromPath[int],
        session: SessionDep,
        member: MemberDep,
        services: ServicesDep,
        schema_name: SchemaName = None,
        table_name: TableNameInQuery = None,
        include_columns: Annotated[bool, QueryParameter(description="Without it, tables come without columns")] = True,
        limit: Annotated[
            int | None, QueryParameter(ge=1, le=1000, description="Tables per page; all of them if left out")
        ] = None,
        cursor: Cursor = None,
        format_: Format = "json",
    ) -> Response[Envelope[KeptSchemas]]:
        """Read what the newest download found, ordered by name. All pages of a list come from one version."""
        await require_source(session, member, source_id)
        overview = await read_overview(session, source_id)
        wanted, at = Wanted(schema=schema_name, name=table_name), overview.discovered_at if overview else None
        if overview is None or limit is None or format_ == "ndjson":
            version = overview.version if overview else 0
            tables = every_table(services.sessions, source_id, version, wanted)
            if format_ == "ndjson":
                return streams.table_lines(source_id, tables, at, columns=include_columns)
            return streams.schemas(source_id, tables, at, RETRIEVED, columns=include_columns)
        after = read_cursor(cursor, Place)
        version = after.version if after else overview.version
        found = await read_tables(session, source_id, version, wanted, limit + 1, after)
        page, last = found[:limit], found[limit - 1 : limit] if len(found) > limit else []
        answer = KeptSchemas(
            data_source_id=source_id,
            schemas=by_schema(page, overview.discovered_at, columns=include_columns),
            last_discovered_at=at,
            next_cursor=write_cursor(Place(version, last[0].schema, last[0].name)) if last else None,
        )
        return Response(Envelope(answer, RETRIEVED))

    @get(
        "/{source_id:str}/table",
        summary="Read one table with its keys and lineage",
        operation_id="get_data_source_table",
        responses=ENVELOPED,
    )
    async def table(
        self,
        source_id: FromPath[int],
        session: SessionDep,
        member: MemberDep,
        schema_name: Annotated[str, QueryParameter(max_length=1000)],
        table_name: Annotated[str, QueryParameter(max_length=2000)],
    ) -> Envelope[OneTable]:
        """Read a table or view: columns, keys, a view's text, what it is made from, and what is made from it."""
        source = await require_source(session, member, source_id)
        name, overview = TableName(schema_name, table_name), await read_overview(session, source_id)
        found = await read_one(session, source_id, name)
        if found is None or overview is None:
            raise Problem(404, "Table not found")
        graph = await with_columns(session, source, await read_graph(session, source_id, name, Direction.both, 1))
        up = [edge for edge in graph.edges if edge.target == name]
        down = [edge for edge in graph.edges if edge.source == name and edge.target != name]
        return Envelope(one_table(source_id, found, overview.discovered_at, up, down), "Table retrieved")

    @get(
        "/schema-search",
        summary="Search the tables and columns of all data sources",
        operation_id="search_schemas",
        responses=ENVELOPED_INVALID,
    )
    async def search(
        self,
        session: SessionDep,
        member: MemberDep,
        services: ServicesDep,
        q: Annotated[
            str, QueryParameter(min_length=1, max_length=200, description="Words, all of which have to occur")
        ],
        data_source_id: Annotated[int | None, QueryParameter(description="Only in this data source")] = None,
        limit: PageLimit = 50,
        cursor: Cursor = None,
        format_: Format = "json",
    ) -> Response[Envelope[FoundTables]]:
        """Find tables whose names and comments, or those of their columns, contain all the words, in any case."""
        organization = member.organization_id
        if format_ == "ndjson":
            hits = every_hit(services.sessions, organization, q, data_source_id)
            return streams.lines(hits, found_table)
        after = read_cursor(cursor, After)
        found = await search_tables(session, organization, q, limit + 1, after, data_source_id)
        last = found[limit - 1 : limit] if len(found) > limit else []
        answer = FoundTables(
            tables=[found_table(hit) for hit in found[:limit]],
            next_cursor=write_cursor(last[0].place) if last else None,
        )
        return Response(Envelope(answer, "Tables retrieved"))

    @get(
        "/{source_id:str}/schema-changes",
        summary="Read what has changed in the schema of a data source",
        operation_id="get_data_source_schema_changes",
        responses=ENVELOPED,
    )
    async def changes(
        self,
        source_id: FromPath[int],
        session: SessionDep,
        member: MemberDep,
        services: ServicesDep,
        part: Annotated[
            streams.Part | None, QueryParameter(description="Only of the schema, or of the lineage")
        ] = None,
        change: Annotated[Change | None, QueryParameter(description="Only changes of this kind")] = None,
        schema_name: SchemaName = None,
        table_name: TableNameInQuery = None,
        since: Annotated[streams.Moment | None, QueryParameter(description="Only changes from this moment on")] = None,
        limit: PageLimit = 50,
        cursor: Cursor = None,
        format_: Format = "json",
    ) -> Response[Envelope[SchemaChanges]]:
        """List the differences between each download and the one before it, newest first."""
        await require_source(session, member, source_id)
        wanted = WantedChanges(
            part=part, change=change, schema=schema_name, table=table_name, since=streams.in_utc(since)
        )
        if format_ == "ndjson":
            return streams.lines(every_change(services.sessions, source_id, wanted), change_answer)
        found = await read_changes(session, source_id, wanted, limit + 1, read_cursor(cursor, int))
        last = found[limit - 1 : limit] if len(found) > limit else []
        answer = SchemaChanges(
            data_source_id=source_id,
            changes=[change_answer(change) for change in found[:limit]],
            next_cursor=write_cursor(last[0].id) if last else None,
        )
        return Response(Envelope(answer, "Schema changes retrieved"))
