"""API keys: shown once, listed without themselves, revocable."""

from datetime import datetime

from litestar import Controller, Response, delete, get, post
from litestar.params import FromPath
from msgspec import Struct

from api.actions import keys
from api.dependencies import ApiRequest, MemberDep, ServicesDep, SessionDep
from api.limits import MAKES_KEY
from api.wire.pages import LINK_HEADER, MOST_ITEMS, Limit, Offset, one_more, page
from api.wire.registration import read
from api.wire.requests import KeyRequest, takes
from api.wire.responses import KEY_FORBIDDEN, LIMITED, LOCATION, LOCATION_HEADER
from datasources.catalogue.organizations.accounts import keys_of
from datasources.catalogue.tables import ApiKey


class KeySummary(Struct, frozen=True):
    """A key without itself."""

    id: int
    name: str
    prefix: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    on_question: str


class NewKey(Struct, frozen=True):
    """A key, this one time."""

    id: int
    name: str
    key: str


class KeyController(Controller):
    """`/api/v1/api_keys`: the caller's own keys."""

    path = "/api/v1/api_keys"
    tags = ("API keys",)

    @get("/", summary="List API keys", response_headers=[LINK_HEADER], operation_id="list_api_keys")
    async def index(
        self,
        request: ApiRequest,
        session: SessionDep,
        member: MemberDep,
        limit: Limit = MOST_ITEMS,
        offset: Offset = 0,
    ) -> Response[list[KeySummary]]:
        """List the caller's keys in this organization, oldest first, including revoked keys."""
        rows = await keys_of(session, member.user_id, member.organization_id, limit=one_more(limit), offset=offset)
        return page(request, [_summary(key) for key in rows], limit, offset)

    @get("/{key_id:str}", summary="Read an API key", operation_id="get_api_key")
    async def read(self, key_id: FromPath[int], session: SessionDep, member: MemberDep) -> KeySummary:
        """Read one of the caller's keys, without the key itself."""
        return _summary(await keys.require_key(session, member, key_id))

    @post(
        "/",
        status_code=201,
        operation_class=takes(KeyRequest),
        summary="Make an API key",
        operation_id="create_api_key",
        response_headers=[LOCATION_HEADER],
        opt=MAKES_KEY,
        responses=KEY_FORBIDDEN | LIMITED,
    )
    async def create(self, request: ApiRequest, session: SessionDep, member: MemberDep) -> Response[NewKey]:
        """Make a key that may do no more than the key in use; the answer shows it this one time."""
        wanted = read(await request.body(), KeyRequest)
        key, raw = await keys.make_key(session, member, wanted.name, wanted.on_question)
        return Response(NewKey(key.id, key.name, raw), headers={LOCATION: f"{self.path}/{key.id}"})

    @delete("/{key_id:str}", summary="Revoke an API key", operation_id="revoke_api_key", responses=KEY_FORBIDDEN)
    async def revoke(
        self, key_id: FromPath[int], session: SessionDep, member: MemberDep, services: ServicesDep
    ) -> None:
        """Revoke one of the caller's keys that may do no more than the one in use."""
        await keys.revoke(session, services, member, key_id)


def _summary(key: ApiKey) -> KeySummary:
    return KeySummary(**{name: getattr(key, name) for name in KeySummary.__struct_fields__})
