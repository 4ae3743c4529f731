"""Host keys of SSH gateways: listed, registered beforehand, revoked."""

from datetime import datetime
from typing import Annotated

from litestar import Controller, Response, delete, get, post
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from api.actions import keys
from api.dependencies import ApiRequest, MemberDep, SessionDep
from api.wire.pages import LINK_HEADER, MOST_ITEMS, Limit, Offset, one_more, page
from api.wire.registration import read
from api.wire.requests import NewHostKey, takes
from api.wire.responses import INVALID, LOCATION, LOCATION_HEADER, TRUSTED
from datasources.catalogue import host_keys
from datasources.catalogue.tables import HostKey


class HostKeyAnswer(Struct, frozen=True):
    """A trusted key, and who trusted it."""

    id: int
    host: str
    port: int
    fingerprint: str
    key_type: str | None
    origin: str
    job_id: int | None
    added_by_user_id: int | None
    created_at: datetime
    revoked_at: datetime | None
    revoked_by_user_id: int | None


class HostKeyController(Controller):
    """`/api/v1/ssh_host_keys`: those of the organization."""

    path = "/api/v1/ssh_host_keys"
    tags = ("SSH host keys",)

    @get(
        "/",
        summary="List trusted host keys",
        response_headers=[LINK_HEADER],
        operation_id="list_ssh_host_keys",
        responses=INVALID,
    )
    async def index(
        self,
        request: ApiRequest,
        session: SessionDep,
        member: MemberDep,
        every: Annotated[bool, QueryParameter(name="all")] = False,
        limit: Limit = MOST_ITEMS,
        offset: Offset = 0,
    ) -> Response[list[HostKeyAnswer]]:
        """List the trusted keys, oldest first; with `all`, revoked keys as well."""
        rows = await host_keys.host_keys(
            session, member.organization_id, revoked=every, limit=one_more(limit), offset=offset
        )
        return page(request, [answered(row) for row in rows], limit, offset)

    @get("/{key_id:str}", summary="Read a host key", operation_id="get_ssh_host_key", responses=INVALID)
    async def read(self, key_id: FromPath[int], session: SessionDep, member: MemberDep) -> HostKeyAnswer:
        """Read one key of a gateway, and who trusted or revoked it."""
        return answered(await keys.require_host_key(session, member, key_id))

    @post(
        "/",
        status_code=201,
        operation_class=takes(NewHostKey),
        summary="Trust a host key",
        response_headers=[LOCATION_HEADER],
        operation_id="register_ssh_host_key",
        responses=INVALID | TRUSTED,
    )
    async def register(self, request: ApiRequest, session: SessionDep, member: MemberDep) -> Response[HostKeyAnswer]:
        """Trust a gateway's key before any test asks about it."""
        data = read(await request.body(), NewHostKey)
        row = await keys.trust(session, member, data)
        return Response(answered(row), headers={LOCATION: f"{self.path}/{row.id}"})

    @delete("/{key_id:str}", summary="Stop trusting a host key", operation_id="revoke_ssh_host_key", responses=INVALID)
    async def revoke(self, key_id: FromPath[int], session: SessionDep, member: MemberDep) -> None:
        """Stop trusting a key: the next test through this gateway asks again."""
        await keys.distrust(session, member, key_id)


def answered(row: HostKey) -> HostKeyAnswer:
    """A key as clients read it."""
    return HostKeyAnswer(**{name: getattr(row, name) for name in HostKeyAnswer.__struct_fields__})
