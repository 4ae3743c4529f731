"""A connection that has just answered is used again without a question; one that is gone is never used."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deployments.serve import trusting_dialect
from tests.fixtures.servers.database import PASSWORD, Server

PID = text("SELECT pg_backend_pid()")


@pytest.fixture
async def engine(embedded: Server) -> AsyncIterator[AsyncEngine]:
    """One connection, made as Prefect's server makes its own."""
    registry.register("postgresql.trusting", trusting_dialect.__name__, "TrustingDialect")
    url = f"postgresql+trusting://postgres:{PASSWORD}@127.0.0.1:{embedded.port}/postgres"
    made = create_async_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
    yield made
    await made.dispose()


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The connections that were asked whether they live."""
    asked, ask = [], PGDialect_asyncpg.do_ping

    def ask_and_note(self: PGDialect_asyncpg, connection: Any) -> bool:
        asked.append(connection)
        return bool(ask(self, connection))

    monkeypatch.setattr(PGDialect_asyncpg, "do_ping", ask_and_note)
    return asked


async def pid_of(engine: AsyncEngine) -> int:
    """The server's process behind the connection that the engine uses now."""
    async with engine.connect() as session:
        return int((await session.execute(PID)).scalar_one())


async def test_a_connection_is_asked_once_in_a_while(engine: AsyncEngine, questions: list[Any]) -> None:
    """Ten uses of one connection, and one question: a new connection is not asked at its first use."""
    assert len({await pid_of(engine) for _ in range(10)}) == 1
    assert len(questions) == 1


async def test_a_connection_that_has_been_idle_is_asked(
    engine: AsyncEngine, questions: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies between us and the server may have forgotten it."""
    monkeypatch.setattr(trusting_dialect, "TRUSTED_SECONDS", -1.0)
    for _ in range(4):
        await pid_of(engine)
    assert len(questions) == 3


async def test_a_connection_that_the_server_has_closed_is_not_used(
    engine: AsyncEngine, questions: list[Any], embedded: Server
) -> None:
    """The pool makes another one, although the old one had just answered."""
    before = await pid_of(engine)
    assert await pid_of(engine) == before
    with embedded.connect() as server:
        server.execute("SELECT pg_terminate_backend(%s, 5000)", [before])
    await asyncio.sleep(0.1)
    assert await pid_of(engine) != before
    assert len(questions) == 1
