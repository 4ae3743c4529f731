"""Sources of the hyphen API (contract 3): lists with their state, one of them."""

from typing import Annotated, Literal

from litestar import Controller, get
from litestar.params import FromPath, QueryParameter

from api.dependencies import MemberDep, SessionDep, require_source
from api.wire.responses import ENVELOPED, ENVELOPED_INVALID
from api.wire.schemas import Envelope, SourceDetails, SourcePage
from api.wire.source_details import details_of, page_of
from datasources.catalogue.source_lists import Search, search_sources
from datasources.databases import ALIASES

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
        page: Annotated[int, QueryParameter(ge=1, le=1_000_000)] = 1,
        page_size: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
        search: Annotated[str | None, QueryParameter(max_length=200)] = None,
        type_: Annotated[str | None, QueryParameter(name="type", max_length=50)] = None,
        status_filter: Annotated[
            Literal["active", "inactive", "testing", "failed", "maintenance"] | None, QueryParameter()
        ] = None,
        sort_by: Annotated[SortKey, QueryParameter()] = "id",
        sort_order: Annotated[Literal["asc", "desc"], QueryParameter()] = "asc",
    ) -> Envelope[SourcePage]:
        """Sources of the organization with their state, a page at a time, filtered and sorted."""
        wanted = Search(
            text=search,
            type=ALIASES.get(type_, type_) if type_ else None,
            status=status_filter,
            sort_by=sort_by,
            descending=sort_order == "desc",
            page=page,
            page_size=page_size,
        )
        rows, total = await search_sources(session, member.organization_id, wanted)
        return Envelope(page_of(rows, total, wanted), "Data sources retrieved")

    @get(
        "/{source_id:str}",
        summary="Read a data source with its state",
        operation_id="get_data_source",
        responses=ENVELOPED,
    )
    async def read(self, source_id: FromPath[int], session: SessionDep, member: MemberDep) -> Envelope[SourceDetails]:
        """Where a source is, how it stands, and when it was last tested."""
        return Envelope(details_of(await require_source(session, member, source_id)), "Data source retrieved")
