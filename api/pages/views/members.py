"""Members of the organization: invited, given another role, removed."""

from typing import Any, get_args

from litestar import Controller, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from api.actions import members
from api.actions.members import Invited
from api.dependencies import Session, SessionDep
from api.limits import MAKES_KEY
from api.pages.forms import at_field, member_from
from api.pages.rendering import Reader, ReaderDep
from api.wire.errors import Invalid, Problem
from datasources.catalogue.organizations.accounts import find_user
from datasources.model.vocabulary import OnQuestion, Role

ROLES: tuple[Role, ...] = get_args(Role)


class MemberPageController(Controller):
    """`/members`."""

    path = "/members"

    @get("/")
    async def index(self, reader: ReaderDep, session: SessionDep) -> Template:
        """Who is in the organization."""
        return await _members(reader, session)

    @post("/", status_code=200, opt=MAKES_KEY)
    async def invite(self, reader: ReaderDep, session: SessionDep) -> Template:
        """Take a person in, and show their key and address this once."""
        form = dict(await reader.request.form())
        try:
            invited = await members.invite(session, reader.member, member_from(form))
        except Problem as problem:
            await session.rollback()
            return await _members(reader, session, wrong=at_field(problem, "email"), given=form)
        return await _members(reader, session, invited=invited)

    @post("/{user_id:str}/invite", status_code=200, opt=MAKES_KEY)
    async def invite_again(self, user_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Template:
        """One more key for a member, who may do no more with it than the reader."""
        on_question: OnQuestion = "ask" if reader.member.on_question == "ask" else "fail"
        invited = await members.invite_again(session, reader.member, user_id, on_question)
        return await _members(reader, session, invited=invited)

    @post("/{user_id:str}/role", status_code=303)
    async def change(self, user_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Give a member another role."""
        wanted = (await reader.request.form()).get("role")
        role: Role | None = next((role for role in ROLES if role == wanted), None)
        if role is None:
            raise Problem(422, "There is no such role")
        await members.change_role(session, reader.services, reader.member, user_id, role)
        return reader.done("The role is changed.", "/members")

    @post("/{user_id:str}/remove", status_code=303)
    async def remove(self, user_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Take a member out of the organization."""
        members.require_admin(reader.member, members.FORBIDDEN)
        await members.require_member(session, reader.member, user_id)
        name = (await find_user(session, user_id)).name
        if not await reader.is_sure():
            question = f"This removes {name} from the organization, and their keys here stop working."
            return await reader.ask(question, f"Remove {name}", "/members")
        await session.rollback()
        await members.remove(session, reader.services, reader.member, user_id)
        return reader.done(f"“{name}” is removed.", "/members")


async def _members(
    reader: Reader,
    session: Session,
    *,
    invited: Invited | None = None,
    wrong: Invalid | None = None,
    given: dict[str, Any] | None = None,
) -> Template:
    return await reader.show(
        "members.html",
        422 if wrong else 200,
        here="members",
        members=await members.members(session, reader.member),
        roles=ROLES,
        invited=invited,
        address=f"{str(reader.request.base_url).rstrip('/')}{invited.sign_in}" if invited else "",
        wrong=wrong,
        given=given or {},
    )
