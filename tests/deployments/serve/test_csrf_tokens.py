"""Prefect's server keeps CSRF tokens in memory: what it takes for a client's token is what its database says."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from deployments.serve import _prefect
from deployments.serve._prefect import Tokens

SESSION = object()


class Token(Struct):
    """As Prefect's."""

    token: str
    expiration: datetime


class Database:
    """Of one client's tokens. A new one can be read by others once it is committed, as in PostgreSQL."""

    def __init__(self) -> None:
        self.tokens = Tokens(self.read, self.make)
        self.committed: dict[str, Token] = {}
        self.reads = 0
        self.answering = asyncio.Event()
        self.answering.set()

    async def read(self, *, session: Any, client: str) -> Token | None:
        """The committed one, when the database gets to it."""
        self.reads += 1
        found = self.committed.get(client)
        await self.answering.wait()
        return found

    async def make(self, *, session: Any, client: str, seconds: float = 60) -> Token:
        """Written, and read by the session that wrote it, as Prefect's function does."""
        made = Token(f"{client}-{self.reads}", datetime.now(UTC) + timedelta(seconds=seconds))
        await self.tokens.read(session=session, client=client)
        return made

    async def given(self, client: str) -> Token:
        """A token that a client has asked for."""
        made: Token = await self.tokens.make(session=SESSION, client=client)
        self.committed[client] = made
        return made

    async def known(self, client: str) -> Token | None:
        """What a request of the client is compared with."""
        found: Token | None = await self.tokens.read(session=SESSION, client=client)
        return found


async def test_a_token_is_read_once() -> None:
    """Also one that was made before this process began."""
    database = Database()
    database.committed["ours"] = Token("old", datetime.now(UTC) + timedelta(seconds=60))
    found = [await database.known("ours") for _ in range(5)]
    assert found == [database.committed["ours"]] * 5
    assert database.reads == 1


async def test_a_token_that_has_ended_is_none() -> None:
    """The database does not answer it any more, and it is not remembered."""
    database = Database()
    database.committed["ours"] = Token("old", datetime.now(UTC) + timedelta(seconds=0.05))
    assert await database.known("ours")
    await asyncio.sleep(0.1)
    del database.committed["ours"]
    assert await database.known("ours") is None


async def test_no_token_is_asked_for_again() -> None:
    """A client without a token may have one a moment later."""
    database = Database()
    assert await database.known("ours") is None
    made = await database.given("ours")
    assert await database.known("ours") == made


async def test_a_new_token_ends_the_one_before() -> None:
    """At once: what was remembered is forgotten."""
    database = Database()
    first = await database.given("ours")
    assert await database.known("ours") == first
    second = await database.given("ours")
    assert second != first
    assert await database.known("ours") == second


async def test_a_read_that_was_under_way_changes_nothing() -> None:
    """It may have found the token that the new one has ended meanwhile."""
    database = Database()
    database.committed["ours"] = Token("old", datetime.now(UTC) + timedelta(seconds=60))
    database.answering.clear()
    late = asyncio.create_task(database.known("ours"))
    await asyncio.sleep(0)
    making = asyncio.create_task(database.given("ours"))
    await asyncio.sleep(0)
    database.answering.set()
    await asyncio.gather(late, making)
    assert await database.known("ours") == making.result()


async def test_only_so_many_are_remembered() -> None:
    """The oldest goes; it is read again."""
    database = Database()
    for number in range(_prefect.TOKENS + 1):
        await database.given(f"client {number}")
    reads = database.reads
    assert await database.known(f"client {_prefect.TOKENS}")
    assert database.reads == reads
    assert await database.known("client 0") == database.committed["client 0"]
    assert database.reads == reads + 1
