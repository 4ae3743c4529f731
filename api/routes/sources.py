"""Sources: register, read, change, remove (contract 2.1 and 2.7)."""

from typing import Annotated

from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromPath, QueryParameter
from msgspec import UNSET

from api.actions import sources
from api.dependencies import ApiRequest, MemberDep, ServicesDep, SessionDep, require_source
from api.wire.pages import LINK_HEADER, LimitOrAll, Offset, one_more, page
from api.wire.registration import answered
from api.wire.requests import takes_source
from api.wire.responses import LOCATION, LOCATION_HEADER, NAME_TAKEN
from api.wire.schemas import ConfigurationSchema, DataSourceSummary, DataSourceType, OrganizationMeta, SourceAnswer
from datasources.catalogue.source_lists import list_sources
from datasources.catalogue.sources import forget_secret
from datasources.databases import DATABASES
from datasources.databases.base import Database
from datasources.databases.forms import configuration_schema

KNOWN_TO_CLIENTS = frozenset(
    {"bigquery", "databricks", "mysql", "pg", "postgres_aurora", "postgres_aws_rds", "redshift", "snowflake"}
)
"""The only types that one published client can read (contract 2.9)."""


class SourceController(Controller):
    """`/api/v1/data_sources`."""

    path = "/api/v1/data_sources"
    tags = ("Data sources",)

    @get(
        "/types",
        summary="List the types of sources",
        operation_id="get_data_source_types_api_v1_data_sources_types_get",
    )
    async def types(self, every: Annotated[bool, QueryParameter(name="all")] = False) -> list[DataSourceType]:
        """List the types of source: those that every client can read, or with `all` every type, with its label."""
        return [
            _type(word, kind, labelled=every) for word, kind in DATABASES.items() if every or word in KNOWN_TO_CLIENTS
        ]

    @get(
        "/",
        summary="List data sources",
        response_headers=[LINK_HEADER],
        operation_id="get_data_sources_api_v1_data_sources_get",
    )
    async def index(
        self,
        request: ApiRequest,
        session: SessionDep,
        member: MemberDep,
        limit: LimitOrAll = None,
        offset: Offset = 0,
    ) -> Response[list[SourceAnswer]]:
        """List every source of the organization, oldest first, or with `limit` a page of them.

        The newest test of each comes without the details of its steps.
        """
        rows = await list_sources(session, member.organization_id, limit=one_more(limit), offset=offset)
        return page(request, [answered(row) for row in rows], limit, offset)

    @post(
        "/",
        status_code=200,
        summary="Register a data source",
        response_headers=[LOCATION_HEADER],
        operation_class=takes_source("NewDataSource"),
        responses=NAME_TAKEN,
        operation_id="create_data_source_api_v1_data_sources_post",
    )
    async def create(
        self, request: ApiRequest, session: SessionDep, member: MemberDep, services: ServicesDep
    ) -> Response[SourceAnswer]:
        """Register a source of any type. The service encrypts its secrets, and returns them as null from then on."""
        row = await sources.register(session, services, member, await request.body())
        return Response(answered(row), headers={LOCATION: f"{self.path}/{row.id}"})

    @get(
        "/{source_id:str}",
        summary="Read a data source",
        operation_id="get_data_source_api_v1_data_sources__data_source_id__get",
    )
    async def read(self, source_id: FromPath[int], session: SessionDep, member: MemberDep) -> SourceAnswer:
        """Read one source with its newest test; secrets are null."""
        return answered(await require_source(session, member, source_id))

    @patch(
        "/{source_id:str}",
        summary="Change a data source",
        operation_class=takes_source("DataSourceChange"),
        responses=NAME_TAKEN,
        operation_id="update_data_source_api_v1_data_sources__data_source_id__patch",
    )
    async def change(
        self,
        source_id: FromPath[int],
        request: ApiRequest,
        session: SessionDep,
        member: MemberDep,
        services: ServicesDep,
    ) -> SourceAnswer:
        """Change some fields; those left out stay as they are, secrets included."""
        row = await sources.change(session, services, member, source_id, await request.body())
        return answered(row)

    @delete(
        "/{source_id:str}",
        summary="Remove a data source",
        operation_id="delete_data_source_api_v1_data_sources__data_source_id__delete",
    )
    async def remove(
        self, source_id: FromPath[int], session: SessionDep, member: MemberDep, services: ServicesDep
    ) -> None:
        """Remove a source with its secrets and its schedule; its jobs stay readable."""
        await sources.remove(session, services, member, source_id)

    @delete(
        "/{source_id:str}/secret",
        summary="Forget the secrets of a data source",
        operation_id="revoke_data_source_secret",
    )
    async def revoke_secret(self, source_id: FromPath[int], session: SessionDep, member: MemberDep) -> None:
        """Forget the secrets of the source and its gateway: the next test asks for them."""
        row = await require_source(session, member, source_id)
        forget_secret(row)
        await session.commit()

    @get(
        "/{source_id:str}/summary",
        summary="Read a data source in three words",
        operation_id="get_data_source_summary_api_v1_data_sources__data_source_id__summary_get",
    )
    async def summary(self, source_id: FromPath[int], session: SessionDep, member: MemberDep) -> DataSourceSummary:
        """Read the id, name and type of a source."""
        row = await require_source(session, member, source_id)
        return DataSourceSummary(id=row.id, name=row.name, type=row.type)


@get(
    "/api/v1/organization/meta",
    summary="Read who owns the key",
    tags=["Organization"],
    operation_id="get_org_meta_api_v1_organization_meta_get",
)
async def organization_meta(member: MemberDep) -> OrganizationMeta:
    """Read the organization and the user that own the key."""
    return OrganizationMeta(org_id=member.organization_id, org_name=member.organization_name, user_id=member.user_id)


def _type(word: str, kind: type[Database], *, labelled: bool) -> DataSourceType:
    schema = configuration_schema(kind)
    return DataSourceType(
        name=kind.title,
        type=word,
        configuration_schema=ConfigurationSchema(
            title=f"{kind.title} options",
            type="object",
            properties=schema["properties"],
            required=schema["required"],
            secret=list(kind.options.secret_fields),
        ),
        features=kind.features(),
        verified=kind.verified if labelled else UNSET,
    )
