"""Clients that wait for one open job, on the API alone: what they cost the catalogue, and what they are told.

Their requests run in the API's own event loop: `lone_api` itself sends one at a time.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import httpx
from sqlalchemy import event

from api.runtime import Services
from datasources.catalogue.organizations.accounts import (
    add_member,
    create_key,
    create_organization,
    create_user,
    revoke_key,
)
from tests.api.routes.sources import OPTIONS, SOURCES
from tests.fixtures.api import Client

CLIENTS = 100
Body = Callable[[httpx.AsyncClient, Services], Awaitable[None]]


def beside(api: Client, body: Body) -> None:
    """Run this in the API's event loop, with a client of its own."""

    async def run() -> None:
        transport = httpx.ASGITransport(app=api.app)  # type: ignore[arg-type]  # httpx names its messages otherwise
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=api.headers) as client:
            await body(client, api.app.state.services)

    api.blocking_portal.call(run)


async def open_job(client: httpx.AsyncClient, services: Services, name: str) -> str:
    """The path of a job that nothing carries out, and that the API has found open in a reading."""
    source = (await client.post(SOURCES, json={"name": name, "type": "pg", "options": OPTIONS})).json()["id"]
    job = (await client.post(f"{SOURCES}/{source}/test")).json()["job_id"]
    while job not in services.watch._follower.open:
        await asyncio.sleep(0.01)
    return f"{SOURCES}/test/{job}"


def waiting(client: httpx.AsyncClient, path: str, count: int) -> list[asyncio.Task[httpx.Response]]:
    """So many clients that wait for it for as long as is allowed."""
    return [asyncio.create_task(client.get(f"{path}?wait=60")) for _ in range(count)]


@contextmanager
def reads_of_jobs(services: Services) -> Iterator[list[str]]:
    """What requests that read one job of their organization ask of the catalogue."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "jobs.organization_id = " in statement:
            statements.append(statement)

    engine = services.sessions.kw["bind"].sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_many_clients_wait_for_the_price_of_a_few(lone_api: Client) -> None:
    """None asks the catalogue when it begins to wait; those that have waited until the same moment ask together."""

    async def body(client: httpx.AsyncClient, services: Services) -> None:
        path = await open_job(client, services, "Waited for by many")
        with reads_of_jobs(services) as statements:
            clients = waiting(client, path, CLIENTS)
            await asyncio.sleep(0.5)
            assert statements == []
            assert (await client.post(f"{path}/cancel")).json()["status"] == "cancelled"
            answers = await asyncio.gather(*clients)
            assert [(each.status_code, each.json()["status"]) for each in answers] == [(200, "cancelled")] * CLIENTS
            assert len(statements) < CLIENTS / 2

    beside(lone_api, body)


def test_a_client_that_has_changed_a_job_reads_the_change(lone_api: Client) -> None:
    """At once, and also with `wait`, however many others are answered meanwhile."""

    async def body(client: httpx.AsyncClient, services: Services) -> None:
        path, over = await open_job(client, services, "Changed meanwhile"), False

        async def keep_on() -> None:
            while not over:
                assert (await client.get(f"{path}?wait=0.05")).status_code == 200

        others = [asyncio.create_task(keep_on()) for _ in range(10)]
        cancelled = (await client.post(f"{path}/cancel")).json()
        assert cancelled["status"] == "cancelled"
        for _ in range(20):
            assert (await client.get(f"{path}?wait=60")).json() == cancelled
            assert (await client.get(path)).json() == cancelled
        over = True
        await asyncio.gather(*others)

    beside(lone_api, body)


def test_an_open_job_of_another_organization_is_unknown(lone_api: Client) -> None:
    """Also while its own clients wait for it; and a revoked key is refused within a second, with `wait` or without."""

    async def body(client: httpx.AsyncClient, services: Services) -> None:
        path = await open_job(client, services, "Waited for by its own")
        async with services.sessions.begin() as session:
            organization, user = await create_organization(session, "Curious"), await create_user(session, "Curious")
            await add_member(session, organization.id, user.id)
            key, raw = await create_key(session, user.id, organization.id, "curious")
        theirs = {"Authorization": f"Key {raw}"}
        unknown = await client.get(f"{SOURCES}/test/999999?wait=60", headers=theirs)
        own = waiting(client, path, 10)
        for query in ("", "?wait=60"):
            answer = await client.get(f"{path}{query}", headers=theirs)
            assert (answer.status_code, answer.json()) == (404, unknown.json()), query
        assert not any(each.done() for each in own)
        async with services.sessions.begin() as session:
            await revoke_key(session, key.id)
        await asyncio.sleep(1)
        assert (await client.get(f"{path}?wait=60", headers=theirs)).status_code == 401
        await client.post(f"{path}/cancel")
        assert {(await each).json()["status"] for each in own} == {"cancelled"}

    beside(lone_api, body)


def test_a_wait_takes_as_long_as_was_asked(lone_api: Client) -> None:
    """A job that stays open is answered when the seconds are over, with how it stands then."""

    async def body(client: httpx.AsyncClient, services: Services) -> None:
        path = await open_job(client, services, "Stays open")
        began = time.monotonic()
        answer = await client.get(f"{path}?wait=0.5")
        assert time.monotonic() - began >= 0.5
        assert answer.json()["status"] == "waiting"
        await client.post(f"{path}/cancel")

    beside(lone_api, body)
