"""Connections of the pool that the server, or what stands before it, has closed while they rested."""

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from datasources.catalogue import alive
from datasources.catalogue.engine import pooled_engine
from datasources.model.settings import Settings
from tests.fixtures.catalogue import make_catalogue
from tests.fixtures.servers.database import Server
from tests.fixtures.servers.faults import faulty

PID = text("SELECT pg_backend_pid()")


@pytest.fixture(scope="module")
def settings(embedded: Server) -> Settings:
    """A catalogue whose sessions are this module's alone."""
    return make_catalogue(embedded, "catalogue_of_lost_connections")


@pytest_asyncio.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """The pool of a process that serves."""
    made = pooled_engine(settings)
    yield made
    await made.dispose()


async def _pids(engine: AsyncEngine, count: int) -> set[int]:
    """Of the server's processes behind so many connections, taken side by side."""
    connections = [await engine.connect() for _ in range(count)]
    found = {int(await connection.scalar(PID) or 0) for connection in connections}
    for connection in connections:
        await connection.close()
    return found


async def test_a_connection_is_used_again(engine: AsyncEngine) -> None:
    """As long as the server says nothing to it."""
    assert await _pids(engine, 3) == await _pids(engine, 3)


async def test_connections_that_the_server_has_closed_are_replaced(
    engine: AsyncEngine, embedded: Server, settings: Settings
) -> None:
    """All of them at once, as after a restart: no request meets an error."""
    before = await _pids(engine, 5)
    with embedded.connect() as session:
        name = make_url(settings.database_url or "").database
        session.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name])
    after = await _pids(engine, 5)
    assert len(after) == 5
    assert not before & after


@pytest.mark.parametrize(("asks_after", "fails"), [(0.0, False), (3600.0, True)], ids=["asks", "trusts"])
async def test_a_connection_that_was_dropped_without_a_word(
    settings: Settings, embedded: Server, monkeypatch: pytest.MonkeyPatch, asks_after: float, fails: bool
) -> None:
    """A firewall has forgotten it: only a question tells, which is asked after a long rest."""
    monkeypatch.setattr(alive, "ASK_AFTER_SECONDS", asks_after)
    with _forgetful(embedded.port) as (port, forgotten):
        address = make_url(settings.database_url or "").set(port=port)
        url = address.render_as_string(hide_password=False)
        engine = pooled_engine(msgspec.structs.replace(settings, database_url=url))
        await _pids(engine, 1)
        forgotten.set()
        with pytest.raises(DBAPIError) if fails else nullcontext():
            assert len(await _pids(engine, 1)) == 1
        await engine.dispose()


@contextmanager
def _forgetful(port: int) -> Iterator[tuple[int, threading.Event]]:
    """A port before the server's that resets connections made before the event, when something is sent on them."""
    forgotten = threading.Event()

    def forward(client: socket.socket, server: socket.socket) -> None:
        old = not forgotten.is_set()
        threading.Thread(target=_copy, args=(server, client), daemon=True).start()
        while sent := client.recv(65536):
            if old and forgotten.is_set():
                return
            server.sendall(sent)

    with faulty(port, forward) as given:
        yield given, forgotten


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while said := source.recv(65536):
            target.sendall(said)
    except OSError:
        return
