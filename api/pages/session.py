"""Who reads a page: the owner of an API key, by a sealed cookie that ends (docs/security.md, row 27).

The cookie names the key and when the session is over. The key itself is not in it, and a key that is revoked ends its
sessions.
"""

import time
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct, ValidationError, convert

from api.auth import Member, member_of
from api.dependencies import Session as Catalogue
from api.runtime import Services
from api.wire.errors import Problem
from datasources.catalogue.organizations.accounts import caller_of
from datasources.model.errors import SecretsError
from datasources.secrecy.vault import Vault

COOKIE = "sourcecheck_session"
LASTS = 12 * 3600
"""Seconds from signing in until a person has to do so again."""
PAGE = {"page": True, "exclude_from_auth": True}
"""Options of a handler whose callers are known by their session, never by a key in a header."""
PUBLIC = PAGE | {"public": True}
"""Options of a page that needs no session."""


class Session(Struct, frozen=True, kw_only=True):
    """What the cookie says; its name keeps another sealed text from being taken for one."""

    session_of_key: int
    until: float
    """Seconds since 1970."""


class SignInNeeded(Problem):
    """There is no session, or it is over."""

    def __init__(self) -> None:
        super().__init__(401, "Sign in to see this page")


class SessionAuthentication(AbstractAuthenticationMiddleware):
    """Knows the reader of a page; leaves every other request alone."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, exclude_from_auth_key="without_session")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Only for handlers that are pages: no cookie ever opens the API."""
        if "page" in getattr(scope.get("route_handler"), "opt", {}):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        """The member whose session it is. Raises `SignInNeeded`, unless the page is public."""
        services = connection.app.state.services
        session = open_cookie(connection.cookies.get(COOKIE), services.vault)
        member = await member_in(services, session)
        if member is None and "public" not in connection.route_handler.opt:
            raise SignInNeeded
        return AuthenticationResult(user=member, auth=session)


async def member_in(services: Services, session: Session | None) -> Member | None:
    """The member whose session it is; None when there is none, it is over, or its key is worth nothing now."""
    if session is None or session.until <= time.time():
        return None
    async with services.sessions() as catalogue:
        await catalogue.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        return await member_of_key(catalogue, session.session_of_key)


async def member_of_key(catalogue: Catalogue, key_id: int) -> Member | None:
    """The member behind a key; None when it has been revoked, or its user is in no organization."""
    caller = await caller_of(catalogue, key_id)
    return member_of(caller) if caller and caller.organization_id is not None else None


def open_cookie(text: str | None, vault: Vault) -> Session | None:
    """The session of a cookie; None when there is none, it is not ours, or it is over."""
    try:
        session = convert(vault.open((text or "").encode()), Session)
    except (SecretsError, ValidationError):
        return None
    return session if session.until > time.time() else None


def signed_in(key_id: int, vault: Vault, request: Request[Any, Any, Any]) -> Cookie:
    """The cookie that begins a session."""
    session = Session(session_of_key=key_id, until=time.time() + LASTS)
    return _cookie(vault.seal(session).decode(), LASTS, request)


def signed_out(request: Request[Any, Any, Any]) -> Cookie:
    """The cookie that ends it."""
    return _cookie("", 0, request)


def _cookie(value: str, lasts: int, request: Request[Any, Any, Any]) -> Cookie:
    secure = request.url.scheme == "https"
    return Cookie(key=COOKIE, value=value, max_age=lasts, path="/", httponly=True, samesite="lax", secure=secure)
