"""Members of an organization: taken in with a key of their own, given another role, removed."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from api.actions.keys import may_more
from api.auth import Member
from api.runtime import Services
from api.wire.errors import Invalid, Problem
from api.wire.registration import HIDDEN
from api.wire.requests import NewMember
from datasources.catalogue.organizations.accounts import AccountError, add_member, create_key, create_user, find_user
from datasources.catalogue.organizations.members import LastAdmin, find_member, members_of, remove_member, set_role
from datasources.catalogue.organizations.sign_ins import make_link
from datasources.catalogue.tables import Membership, User
from datasources.model.inputs.texts import hidden_character
from datasources.model.vocabulary import OnQuestion, Role

INVITATION = "invitation"
"""What the key is called that a member gets from an administrator."""
FORBIDDEN = "Only an administrator of the organization can change its members"


class Invited(Struct, frozen=True, kw_only=True):
    """What a member signs in with, this one time."""

    user_id: int
    name: str
    email: str | None
    role: str
    key_id: int
    key: str
    sign_in: str
    """The path of a page that signs a browser in, once and within the hour."""


def require_admin(member: Member, sentence: str) -> None:
    """Raises `Problem` 403 with this sentence for a member who is no administrator."""
    if member.role != "admin":
        raise Problem(403, sentence)


async def members(session: AsyncSession, member: Member) -> Sequence[Any]:
    """The members of the caller's organization: id, name, email, role, last_used_at."""
    return await members_of(session, member.organization_id)


async def invite(session: AsyncSession, member: Member, data: NewMember) -> Invited:
    """Take a new user in, with a key of their own. Raises `Problem`: 403, 409 for an address that is taken, 422."""
    require_admin(member, FORBIDDEN)
    _refuse_more(member, data.on_question)
    name, email = data.name.strip(), data.email and data.email.strip()
    for field, text in (("name", name), ("email", email or "")):
        if found := hidden_character(text):
            raise Invalid(["body", field], HIDDEN.format(code=f"U+{ord(found):04X}"))
    if not name:
        raise Invalid(["body", "name"], "The name must not be blank")
    if email is not None and not _is_address(email):
        raise Invalid(["body", "email"], "This is not an e-mail address")
    try:
        user = await create_user(session, name, email)
    except AccountError as error:  # of this organization or of another one: that is not said
        raise Problem(409, "This e-mail address is taken") from error
    membership = await add_member(session, member.organization_id, user.id, data.role)
    return await _invited(session, user, membership, data.on_question)


async def invite_again(session: AsyncSession, member: Member, user_id: int, on_question: OnQuestion) -> Invited:
    """One more key for a member who has lost theirs. Raises `Problem`."""
    membership = await require_member(session, member, user_id)
    require_admin(member, FORBIDDEN)
    _refuse_more(member, on_question)
    return await _invited(session, await find_user(session, user_id), membership, on_question)


async def require_member(session: AsyncSession, member: Member, user_id: int) -> Membership:
    """A member of the caller's organization. Raises `Problem`: 404, the same for unknown users and for foreign ones."""
    membership = await find_member(session, member.organization_id, user_id)
    if membership is None:
        raise Problem(404, "Member not found")
    return membership


async def change_role(session: AsyncSession, services: Services, member: Member, user_id: int, role: Role) -> None:
    """Give a member another role. Raises `Problem`: 403, 404, 409 for the last administrator."""
    membership = await require_member(session, member, user_id)
    require_admin(member, FORBIDDEN)
    try:
        hashes = await set_role(session, membership, role)
    except LastAdmin as error:
        raise Problem(409, str(error)) from error
    await session.commit()
    _forget(services, hashes)


async def remove(session: AsyncSession, services: Services, member: Member, user_id: int) -> None:
    """Take a member out of the organization, whose keys end with that. Raises `Problem`: 403, 404, 409."""
    membership = await require_member(session, member, user_id)
    require_admin(member, FORBIDDEN)
    if may_more("ask", member.on_question):
        raise Problem(403, "This key may not ask, so it cannot revoke the keys of a member, which may")
    try:
        hashes = await remove_member(session, membership)
    except LastAdmin as error:
        raise Problem(409, str(error)) from error
    await session.commit()
    _forget(services, hashes)


async def _invited(session: AsyncSession, user: User, membership: Membership, on_question: OnQuestion) -> Invited:
    key, raw = await create_key(session, user.id, membership.organization_id, INVITATION, on_question=on_question)
    token = await make_link(session, key.id)
    await session.commit()
    return Invited(
        user_id=user.id,
        name=user.name,
        email=user.email,
        role=membership.role,
        key_id=key.id,
        key=raw,
        sign_in=f"/sign-in/{token}",
    )


def _forget(services: Services, hashes: Iterable[bytes]) -> None:
    """This process looks at these keys again at once; every other one does within a second."""
    for hashed in hashes:
        services.keys.forget(hashed)


def _refuse_more(member: Member, on_question: OnQuestion) -> None:
    """A key gives no more than it has (docs/security.md, row 21). Raises `Problem`."""
    if may_more(on_question, member.on_question):
        raise Problem(403, "This key may not ask, so it cannot make a key that may; set on_question=fail")


def _is_address(text: str) -> bool:
    user, _, host = text.rpartition("@")
    return bool(user and host) and not any(char.isspace() or char in "<>," for char in text)
