"""Who is asking: `Authorization: Key …` or `Authorization: Bearer …`, on every endpoint."""

import re
from typing import Any

from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from msgspec import Struct

from api.wire.errors import Problem
from datasources.catalogue.organizations.accounts import Caller

SCHEMES = frozenset({"key", "bearer"})
OPEN_PATHS = [r"^/health/", r"^/docs(/|$)", r"^/metrics$", r"^/badge/"]
"""Paths that need no key."""


def is_open(path: str) -> bool:
    """Whether this path needs no key."""
    return any(re.search(pattern, path) for pattern in OPEN_PATHS)


class Member(Struct, frozen=True):
    """A caller as a member of an organization, to which everything is scoped."""

    user_id: int
    user_name: str
    organization_id: int
    organization_name: str
    role: str
    on_question: str
    key_id: int


class KeyAuthentication(AbstractAuthenticationMiddleware):
    """Looks the key up by its hash: 401 without a valid key, 403 for a user without an organization."""

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        """The member behind the key. Raises `Problem`."""
        scheme, _, key = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in SCHEMES or not key.strip():
            raise Problem(401, "Give an API key: Authorization: Key <api-key>", {"WWW-Authenticate": "Key"})
        caller = await connection.app.state.services.keys.caller(key.strip())
        if caller is None:
            raise Problem(401, "This API key is not valid", {"WWW-Authenticate": "Key"})
        return AuthenticationResult(user=member_of(caller), auth=None)


def member_of(caller: Caller) -> Member:
    """The caller as a member of the organization that the key belongs to. Raises `Problem` if there is none."""
    if caller.organization_id is None:
        raise Problem(403, "This user is not a member of any organization")
    return Member(
        user_id=caller.user_id,
        user_name=caller.user_name,
        organization_id=caller.organization_id,
        organization_name=caller.organization_name or "",
        role=caller.role or "member",
        on_question=caller.on_question,
        key_id=caller.key_id,
    )
