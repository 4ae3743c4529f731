"""API keys and host keys."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from api.actions import keys
from api.dependencies import Session, SessionDep
from api.limits import MAKES_KEY
from api.pages.forms import at_field, host_key_from, text
from api.pages.rendering import Reader, ReaderDep
from api.wire.errors import Invalid, Problem
from datasources.catalogue import host_keys
from datasources.catalogue.organizations.accounts import keys_of
from datasources.model.vocabulary import OnQuestion

LONGEST_NAME = 200


class AccessController(Controller):
    """`/keys` and `/host-keys`."""

    @get("/keys")
    async def keys(self, reader: ReaderDep, session: SessionDep) -> Template:
        """The reader's own keys."""
        return await _keys(reader, session)

    @post("/keys", status_code=200, opt=MAKES_KEY)
    async def make_key(self, reader: ReaderDep, session: SessionDep) -> Template:
        """Make a key, and show it this once."""
        form = dict(await reader.request.form())
        name = text(form, "name")
        on_question: OnQuestion = "fail" if form.get("on_question") == "fail" else "ask"
        try:
            if not name or len(name) > LONGEST_NAME:
                raise Invalid(["body", "name"], f"Give a name of at most {LONGEST_NAME} characters")
            _, raw = await keys.make_key(session, reader.member, name, on_question)
        except Problem as problem:
            await session.rollback()
            return await _keys(reader, session, wrong=at_field(problem, "name", (403, 409, 422)))
        return await _keys(reader, session, made=raw)

    @post("/keys/{key_id:str}/revoke", status_code=303)
    async def revoke_key(self, key_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Revoke a key; that of the session ends the session."""
        await keys.require_key(session, reader.member, key_id)
        if not await reader.is_sure():
            question = "Programs that use this key will be refused, and browser sessions opened with it will end."
            return await reader.ask(question, "Revoke the key", "/keys")
        await keys.revoke(session, reader.services, reader.member, key_id)
        return reader.done("The key is revoked.", "/keys")

    @get("/host-keys")
    async def host_keys(self, reader: ReaderDep, session: SessionDep) -> Template:
        """Keys of gateways that the organization trusts, and those that it no longer does."""
        return await _host_keys(reader, session)

    @post("/host-keys", status_code=303)
    async def trust(self, reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Trust a gateway's key before any test asks."""
        form = dict(await reader.request.form())
        try:
            await keys.trust(session, reader.member, host_key_from(form))
        except Problem as problem:
            await session.rollback()
            return await _host_keys(reader, session, wrong=at_field(problem, "host_key"), given=form)
        return reader.done("The key is trusted from now on.", "/host-keys")

    @post("/host-keys/{key_id:str}/revoke", status_code=303)
    async def distrust(self, key_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Trust a key no longer."""
        await keys.require_host_key(session, reader.member, key_id)
        if not await reader.is_sure():
            question = "The next test through this gateway will ask again whether to trust its key."
            return await reader.ask(question, "Revoke the host key", "/host-keys")
        await keys.distrust(session, reader.member, key_id)
        return reader.done("The key is no longer trusted: the next test through this gateway asks again.", "/host-keys")


async def _keys(reader: Reader, session: Session, *, made: str | None = None, wrong: Invalid | None = None) -> Template:
    found = await keys_of(session, reader.member.user_id, reader.member.organization_id)
    status = 422 if wrong else 200
    return await reader.show("keys.html", status, here="keys", keys=found, made=made, wrong=wrong)


async def _host_keys(
    reader: Reader, session: Session, *, wrong: Invalid | None = None, given: dict[str, Any] | None = None
) -> Template:
    found = await host_keys.host_keys(session, reader.member.organization_id, revoked=True)
    status = 422 if wrong else 200
    return await reader.show("host_keys.html", status, here="host-keys", keys=found, wrong=wrong, given=given or {})
