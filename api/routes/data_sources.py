"""Sources of the hyphen API (contract 3.3): registered, listed, read, changed, removed and restored."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromPath, QueryParameter

from api.actions import sources
from api.dependencies import ApiRequest, MemberDep, ServicesDep, Session, SessionDep, require_source
from api.wire.errors import Invalid
from api.wire.hyphen.bodies import ChangedSource, NewSource
from api.wire.hyphen.places import in_their_words
from api.wire.hyphen.reading import read_change, read_new
from api.wire.requests import takes
from api.wire.responses import ENVELOPED, ENVELOPED_INVALID, ENVELOPED_NAME_TAKEN, LOCATION, LOCATION_HEADER
from api.wire.schemas import Envelope, RemovedSource, SourceDetails, SourcePage
from api.wire.source_details import details_of, page_of
from datasources.catalogue.source_lists import Search, search_sources, shown_statuses
from datasources.catalogue.tables import DataSource
from datasources.databases import ALIASES, DATABASES
from datasources.databases.base import Database

SortKey = Literal["id", "name", "type", "status", "created_at", "updated_at", "last_tested_at"]


class DataSourceController(Controller):
    """`/api/v1/data-sources`."""

    path = "/api/v1/data-sources"
    tags = ("Data sources and their state",)

    @get(
        "/", summary="List data sources with their state", operation_id="list_data_sources", responses=ENVELOPED_INVALID
    )
    async def index(
        self,
        session: SessionDep,
        member: MemberDep,
        workspace_id: Annotated[int | None, QueryParameter(ge=1, le=2**63 - 1)] = None,
        type_: Annotated[
            str | None,
            QueryParameter(name="type", max_length=50, description="In the words of either API; others find none"),
        ] = None,
        status_filter: Annotated[
            Literal["active", "inactive", "testing", "failed", "maintenance"] | None, QueryParameter()
        ] = None,
        page: Annotated[int, QueryParameter(ge=1, le=1_000_000)] = 1,
        page_size: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
        search: Annotated[str | None, QueryParameter(max_length=200)] = None,
        sort_by: Annotated[SortKey, QueryParameter()] = "created_at",
        sort_order: Annotated[Literal["asc", "desc"], QueryParameter()] = "desc",
    ) -> Envelope[SourcePage]:
        """List the organization's sources with their state, a page at a time, filtered and sorted; newest first."""
        wanted = Search(
            text=search,
            type=ALIASES.get(type_, type_) if type_ else None,
            status=status_filter,
            workspace=workspace_id,
            sort_by=sort_by,
            descending=sort_order == "desc",
            page=page,
            page_size=page_size,
        )
        rows, total = await search_sources(session, member.organization_id, wanted)
        statuses = await shown_statuses(session, rows)
        return Envelope(page_of(rows, statuses, total, wanted), "Data sources retrieved successfully")

    @post(
        "/",
        status_code=201,
        summary="Register a data source by its host, port and database",
        operation_class=takes(NewSource),
        operation_id="create_data_source",
        response_headers=[LOCATION_HEADER],
        responses=ENVELOPED_INVALID | ENVELOPED_NAME_TAKEN,
    )
    async def create(
        self, request: ApiRequest, session: SessionDep, member: MemberDep, services: ServicesDep
    ) -> Response[Envelope[SourceDetails]]:
        """Register a source. The service encrypts credentials, never returns them, and splits a connection string."""
        read = read_new(await request.body())
        with _in_their_words(DATABASES[read.shared["type"]]):
            row = await sources.create(session, services, member, read.shared, read.faults, dialect=read.dialect)
        answer = Envelope(details_of(row), "Data source created successfully")
        return Response(answer, headers={LOCATION: f"{self.path}/{row.id}"})

    @get(
        "/{source_id:str}",
        summary="Read a data source with its state",
        operation_id="get_data_source",
        responses=ENVELOPED,
    )
    async def read(self, source_id: FromPath[int], session: SessionDep, member: MemberDep) -> Envelope[SourceDetails]:
        """Read where a source is, its state, and when it was last tested."""
        row = await require_source(session, member, source_id)
        return Envelope(await _details(session, row), "Data source retrieved successfully")

    @patch(
        "/{source_id:str}",
        summary="Change a data source's host, port or database",
        operation_class=takes(ChangedSource),
        operation_id="update_data_source",
        responses=ENVELOPED | ENVELOPED_NAME_TAKEN,
    )
    async def change(
        self,
        source_id: FromPath[int],
        request: ApiRequest,
        session: SessionDep,
        member: MemberDep,
        services: ServicesDep,
    ) -> Envelope[SourceDetails]:
        """Change fields other than type and workspace; those left out stay as they are, credentials included."""
        body = await request.body()
        row = await require_source(session, member, source_id, for_change=True)
        kind = DATABASES[row.type]
        read = read_change(body, kind, tunnelled=row.ssh_tunnel is not None)
        row.dialect = row.dialect | read.dialect
        with _in_their_words(kind):
            await sources.change_fields(session, services, member, row, read.shared, read.faults)
        return Envelope(await _details(session, row), "Data source updated successfully")

    @delete(
        "/{source_id:str}",
        status_code=200,
        summary="Remove a data source, for now or for good",
        operation_id="delete_data_source",
        responses=ENVELOPED,
    )
    async def remove(
        self,
        source_id: FromPath[int],
        session: SessionDep,
        member: MemberDep,
        services: ServicesDep,
        force: Annotated[bool, QueryParameter(description="Remove it for good and forget its credentials")] = False,
    ) -> Envelope[RemovedSource]:
        """Remove a source and its schedule. Unless `force` is true, it can be restored with its credentials."""
        row = await sources.remove(session, services, member, source_id, restorable=not force)
        assert row.deleted_at is not None  # noqa: S101 -- for the type checker
        return Envelope(RemovedSource(row.id, row.deleted_at), "Data source deleted successfully")

    @post(
        "/{source_id:str}/restore",
        status_code=200,
        summary="Restore a removed data source",
        operation_id="restore_data_source",
        responses=ENVELOPED | ENVELOPED_NAME_TAKEN,
    )
    async def restore(
        self, source_id: FromPath[int], session: SessionDep, member: MemberDep
    ) -> Envelope[SourceDetails]:
        """Restore a source that was removed without `force`, as it was but without its schedule."""
        row = await sources.restore(session, member, source_id)
        return Envelope(await _details(session, row), "Data source restored successfully")


async def _details(session: Session, row: DataSource) -> SourceDetails:
    return details_of(row, (await shown_statuses(session, [row])).get(row.id))


@contextmanager
def _in_their_words(kind: type[Database]) -> Iterator[None]:
    """What is said of the shared fields, said of the fields that the client sent."""
    try:
        yield
    except Invalid as error:
        raise in_their_words(error, kind) from error
