"""Signing in with an API key or with an address that works once, and signing out."""

from litestar import Controller, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template

from api.auth import Member
from api.dependencies import ServicesDep, SessionDep
from api.pages.rendering import Asked, bare, flash
from api.pages.session import PUBLIC, member_of_key, signed_in, signed_out
from api.wire.errors import Problem
from datasources.catalogue.organizations.accounts import authenticate
from datasources.catalogue.organizations.sign_ins import take_link

LONGEST_KEY = 4096


class SignInController(Controller):
    """`/sign-in` and `/sign-out`."""

    opt = PUBLIC

    @get("/sign-in")
    async def form(self, request: Asked) -> Response[None] | Template:
        """The form; a person who is signed in already goes on."""
        target = local(request.query_params.get("to"))
        return Redirect(target, status_code=303) if request.user else bare("sign_in.html", to=target, error=None)

    @post("/sign-in", status_code=303)
    async def sign_in(self, request: Asked, session: SessionDep, services: ServicesDep) -> Response[None] | Template:
        """Begin a session with an API key."""
        given = await request.form()
        target = local(given.get("to"))
        key = str(given.get("key", "")).strip()[:LONGEST_KEY]
        caller = await authenticate(session, key) if key else None
        await session.commit()
        if caller is None:
            error = "This API key is not valid: it may be mistyped, or it has been revoked." if key else "Give a key."
            return bare("sign_in.html", 422, to=target, error=error)
        if caller.organization_id is None:
            raise Problem(403, "This user is not a member of any organization")
        return Redirect(target, status_code=303, cookies=[signed_in(caller.key_id, services.vault, request)])

    @get("/sign-in/{token:str}")
    async def by_link(
        self, token: FromPath[str], request: Asked, session: SessionDep, services: ServicesDep
    ) -> Response[None] | Template:
        """Begin a session with an address that works once."""
        key_id = await take_link(session, token)
        member = await member_of_key(session, key_id) if key_id is not None else None
        await session.commit()
        if member is None:
            if request.user:
                return Redirect("/", status_code=303)
            error = "This link has already been used, or has expired. Sign in with an API key."
            return bare("sign_in.html", 422, to="/", error=error)
        cookies = [signed_in(member.key_id, services.vault, request)]
        before: Member | None = request.user
        if before and (before.user_id, before.organization_id) != (member.user_id, member.organization_id):
            cookies.append(flash(_another(before, member)))
        return Redirect("/", status_code=303, cookies=cookies)

    @post("/sign-out", status_code=303)
    async def sign_out(self, request: Asked) -> Response[None]:
        """End the session of this browser."""
        return Redirect("/sign-in", status_code=303, cookies=[signed_out(request)])


def _another(before: Member, now: Member) -> str:
    """A reader who opens an address by mistake would otherwise act as another person without knowing it."""
    was, became = (f"{each.user_name} of {each.organization_name}" for each in (before, now))
    return f"This browser is signed in as {became} now; it was signed in as {was} before."


def local(target: object) -> str:
    """Where to go on: a path of this service, and of no other one."""
    text = str(target or "/")
    return text if text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() else "/"
