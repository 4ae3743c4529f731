"""Sources on the running stack, and answers that several tests look at: one job serves them all."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from datasources.catalogue.organizations.accounts import add_member, create_key, create_organization, create_user
from datasources.catalogue.engine import session_scope
from datasources.model.settings import Settings
from deployments.stack.local import with_local_defaults
from tests.acceptance.kit import ask, ended, finished, options, register, unique
from tests.fix_database import Server, free_port
from tests.fix_service import Service

FAULTS: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "AUTHENTICATION_FAILED": ({"password": "wrong"}, None, "connection"),
    "DATABASE_NOT_FOUND": ({"dbname": "nothing"}, None, "connection"),
    "HOST_NOT_FOUND": ({"host": "no-such-host.invalid"}, None, "connection"),
    "DESTINATION_FORBIDDEN": ({"host": "169.254.169.254"}, None, "connection"),
    "TLS_ERROR": ({"sslmode": "require"}, None, "connection"),
    "TOO_MANY_CONNECTIONS": ({"user": "nobody_in"}, None, "connection"),
    "PERMISSION_DENIED": ({}, "locked", "temp_schema"),
    "SCHEMA_NOT_FOUND": ({}, "postgres.missing", "temp_schema"),
}
"""By error code: what is wrong with the options, the `temp_schema`, and the step that says no."""


@pytest.fixture(scope="session")
def admin(service: Service) -> Iterator[httpx.Client]:
    """The first user, of the organization "default"."""
    with service.client() as client:
        yield client


@pytest.fixture(scope="session")
def nobody(service: Service) -> Iterator[httpx.Client]:
    """A client without a key."""
    with service.client(None) as client:
        yield client


@pytest.fixture(scope="session")
def good_source(admin: httpx.Client, embedded: Server) -> int:
    """A source that passes, and that no test changes."""
    return register(admin, "Demo shop", options(embedded), temp_schema="postgres.scratch")


@pytest.fixture(scope="session")
def dead_source(admin: httpx.Client, embedded: Server) -> int:
    """A source where nobody listens."""
    return register(admin, "Nobody there", options(embedded, port=free_port()), temp_schema="scratch")


@pytest.fixture(scope="session")
def good_answer(admin: httpx.Client, good_source: int) -> dict[str, Any]:
    """An ended test of the source that passes."""
    return finished(admin, good_source)


@pytest.fixture(scope="session")
def dead_answer(admin: httpx.Client, dead_source: int) -> dict[str, Any]:
    """An ended test of the source where nobody listens."""
    return finished(admin, dead_source)


@pytest.fixture(scope="session")
def fault_answers(admin: httpx.Client, embedded: Server) -> dict[str, dict[str, Any]]:
    """An ended test for each fault, all asked for at once."""
    jobs = {
        code: ask(admin, register(admin, unique(code), options(embedded, **changes), temp_schema=temp_schema))
        for code, (changes, temp_schema, _) in FAULTS.items()
    }
    return {code: ended(admin, job) for code, job in jobs.items()}


class Organization:
    """An organization of its own, with the key of its one member."""

    def __init__(self, service: Service, name: str, role: str = "member") -> None:
        self.id, self.user, self.key = asyncio.run(_organization(service, name, role))


async def _organization(service: Service, name: str, role: str) -> tuple[int, int, str]:
    """What the commands do, without a process for each of them."""
    async with session_scope(with_local_defaults(Settings.load(service.environ))) as session:
        organization = await create_organization(session, name)
        user = await create_user(session, f"{name} user")
        await add_member(session, organization.id, user.id, role)
        _, key = await create_key(session, user.id, organization.id, "of the tests")
        return organization.id, user.id, key


@pytest.fixture(scope="session")
def stranger(service: Service) -> Organization:
    """Another organization."""
    return Organization(service, "Strangers")


@pytest.fixture(scope="session")
def loner_key(service: Service) -> str:
    """The key of a user who is in no organization."""
    user = service.command("user", "add", "in no organization").split()[-1]
    return service.command("key", "add", user).split()[-1]
