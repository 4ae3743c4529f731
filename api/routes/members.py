"""Members of the organization: listed, invited, given another role, removed."""

from datetime import datetime

from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromPath
from msgspec import Struct

from api.actions import members
from api.actions.members import Invited
from api.dependencies import ApiRequest, MemberDep, ServicesDep, SessionDep
from api.limits import MAKES_KEY
from api.wire.registration import read
from api.wire.requests import ChangedMember, NewInvitation, NewMember, takes
from api.wire.responses import ADMINS_ONLY, LAST_ADMIN, LIMITED, LOCATION, LOCATION_HEADER, MEMBER_TAKEN


class MemberAnswer(Struct, frozen=True, kw_only=True):
    """A member."""

    id: int
    """The user's."""
    name: str
    email: str | None
    role: str
    last_used_at: datetime | None
    """When one of their keys was last used."""


class MemberController(Controller):
    """`/api/v1/members`: those of the caller's organization."""

    path = "/api/v1/members"
    tags = ("Organization",)

    @get("/", summary="List members", operation_id="list_members")
    async def index(self, session: SessionDep, member: MemberDep) -> list[MemberAnswer]:
        """List the members of the organization by name."""
        return [MemberAnswer(**row._mapping) for row in await members.members(session, member)]

    @post(
        "/",
        status_code=201,
        operation_class=takes(NewMember),
        summary="Invite a member",
        operation_id="invite_member",
        response_headers=[LOCATION_HEADER],
        opt=MAKES_KEY,
        responses=ADMINS_ONLY | MEMBER_TAKEN | LIMITED,
    )
    async def create(self, request: ApiRequest, session: SessionDep, member: MemberDep) -> Response[Invited]:
        """Invite a person, with a key and an address that signs in once; only this answer shows them."""
        invited = await members.invite(session, member, read(await request.body(), NewMember))
        return Response(invited, headers={LOCATION: f"{self.path}/{invited.user_id}"})

    @post(
        "/{user_id:str}/invite",
        status_code=201,
        operation_class=takes(NewInvitation, required=False),
        summary="Invite a member again",
        operation_id="invite_member_again",
        opt=MAKES_KEY,
        responses=ADMINS_ONLY | LIMITED,
    )
    async def invite(
        self, user_id: FromPath[int], request: ApiRequest, session: SessionDep, member: MemberDep
    ) -> Invited:
        """Make another key, and an address that signs in once, for a member who has lost theirs."""
        wanted = read(await request.body(), NewInvitation)
        return await members.invite_again(session, member, user_id, wanted.on_question)

    @patch(
        "/{user_id:str}",
        operation_class=takes(ChangedMember),
        summary="Change the role of a member",
        operation_id="change_member",
        responses=ADMINS_ONLY | LAST_ADMIN,
    )
    async def change(
        self,
        user_id: FromPath[int],
        request: ApiRequest,
        session: SessionDep,
        member: MemberDep,
        services: ServicesDep,
    ) -> MemberAnswer:
        """Make a member an administrator, or an administrator a member, unless it is the last administrator."""
        wanted = read(await request.body(), ChangedMember)
        await members.change_role(session, services, member, user_id, wanted.role)
        return next(MemberAnswer(**row._mapping) for row in await members.members(session, member) if row.id == user_id)

    @delete(
        "/{user_id:str}", summary="Remove a member", operation_id="remove_member", responses=ADMINS_ONLY | LAST_ADMIN
    )
    async def remove(
        self, user_id: FromPath[int], session: SessionDep, member: MemberDep, services: ServicesDep
    ) -> None:
        """Remove a member, whose keys stop working; the last administrator cannot be removed."""
        await members.remove(session, services, member, user_id)
