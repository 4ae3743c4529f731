"""API keys: shown once, listed without themselves, revocable."""

from datetime import datetime
from typing import Annotated

from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from api.dependencies import MemberDep, SessionDep
from api.limits import MAKES_KEY
from api.wire.errors import Invalid, Problem
from api.wire.registration import HIDDEN
from api.wire.responses import KEY_FORBIDDEN, LIMITED
from datasources.catalogue.accounts import create_key, find_key, keys_of, revoke_key
from datasources.model.texts import hidden_character
from datasources.model.vocabulary import OnQuestion


class KeyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a new key is for."""

    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    on_question: OnQuestion = "ask"
    """What this key's tests do when they need a person's answer, unless the request says otherwise."""


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

    @get("/", operation_id="list_api_keys")
    async def index(self, session: SessionDep, member: MemberDep) -> list[KeySummary]:
        """The caller's keys of this organization, revoked ones included."""
        keys = await keys_of(session, member.user_id, member.organization_id)
        return [KeySummary(**{name: getattr(key, name) for name in KeySummary.__struct_fields__}) for key in keys]

    @post("/", status_code=201, operation_id="create_api_key", opt=MAKES_KEY, responses=KEY_FORBIDDEN | LIMITED)
    async def create(self, data: JSONBody[KeyRequest], session: SessionDep, member: MemberDep) -> NewKey:
        """Make a key that may do no more than the one it is made with; it is shown here and never again."""
        if found := hidden_character(data.name):
            raise Invalid(["body", "name"], HIDDEN.format(code=f"U+{ord(found):04X}"))
        if may_more(data.on_question, member.on_question):
            raise Problem(403, "This key may not ask, so it cannot make a key that may; say on_question=fail")
        key, raw = await create_key(
            session, member.user_id, member.organization_id, data.name, on_question=data.on_question
        )
        await session.commit()
        return NewKey(key.id, key.name, raw)

    @delete("/{key_id:str}", operation_id="revoke_api_key", responses=KEY_FORBIDDEN)
    async def revoke(self, key_id: FromPath[int], session: SessionDep, member: MemberDep) -> None:
        """Revoke one of the caller's keys that may do no more than the one in use."""
        key = await find_key(session, member.user_id, member.organization_id, key_id)
        if key is None:
            raise Problem(404, "API key not found")
        if may_more(key.on_question, member.on_question):
            raise Problem(403, "This key may not ask, so it cannot revoke a key that may")
        await revoke_key(session, key.id)
        await session.commit()


def may_more(one: OnQuestion | str, other: str) -> bool:
    """Whether a key with the first `on_question` may do more than one with the other (docs/security.md, row 21)."""
    return one == "ask" and other != "ask"
