"""Sources to test: a small shop, the same behind an SSH gateway, one of many tables, and one that never answers."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import sql

from benchmarks.tools.gateway import PASSWORD, USER
from benchmarks.tools.lanes import make_database
from deployments.cli.demo_data import make_shop
from deployments.stack.postgres import Conninfo
from deployments.stack.start import Stack

BATCH = 500
"""Tables made in one transaction: each holds a lock until its end."""


def shop(stack: Stack) -> dict[str, Any]:
    """The demo's shop."""
    assert stack.postgres is not None  # noqa: S101 -- the benchmark's home has no other
    make_shop(stack.postgres)
    return source_of(stack.postgres.conninfo("demo"))


def wide(stack: Stack, tables: int) -> dict[str, Any]:
    """A database of so many tables of five columns."""
    facts = make_database(stack, "wide")
    columns = sql.SQL("id integer, name text NOT NULL, placed_at timestamptz, total numeric(10, 2), note text")
    with facts.connect() as session:
        session.execute("CREATE SCHEMA scratch")
        for first in range(0, tables, BATCH):
            with session.transaction():
                for number in range(first, min(first + BATCH, tables)):
                    name = sql.Identifier(f"table_{number}")
                    session.execute(sql.SQL("CREATE TABLE {} ({})").format(name, columns))
    return source_of(facts)


def source_of(facts: Conninfo) -> dict[str, Any]:
    """As it is registered."""
    options = {"host": facts.host, "port": facts.port, "user": facts.user, "password": facts.password}
    return {
        "name": facts.dbname,
        "type": "pg",
        "options": options | {"dbname": facts.dbname},
        "temp_schema": f"{facts.dbname}.scratch",
    }


@asynccontextmanager
async def behind_gateway(source: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """The same source, reached by way of a gateway whose key is pinned."""
    command = (sys.executable, "-m", "benchmarks.tools.gateway")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None  # noqa: S101
    try:
        port, _, host_key = (await process.stdout.readline()).decode().strip().partition(" ")
        tunnel = {"host": "127.0.0.1", "port": int(port), "username": USER, "password": PASSWORD, "host_key": host_key}
        yield {**source, "ssh_tunnel": tunnel}
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def silent(source: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """The same source, at a port that takes connections and says nothing."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield {**source, "options": source["options"] | {"port": port}, "connection_timeout": 300}
    server.close()
