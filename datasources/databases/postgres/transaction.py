"""One transaction at a time: what we set is set in it, and ends with it (docs/postgres.md, "Behind a pooler").

Behind a pooler, the connection to the server is another client's a moment later. So nothing is ever set for a session.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import ClassVar

import psycopg
from msgspec import Struct
from psycopg import generators, pq
from psycopg.abc import PQGen

from datasources.databases.postgres.answers import checked
from datasources.databases.postgres.connect import Connection

COPIES = frozenset({pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH})
COMMAND = frozenset({pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK})
CATALOGUE = "SET LOCAL search_path = pg_catalog, pg_temp"
"""For statements of ours: every name without a schema is the server's own, whatever others have created."""
ROLLBACK = b"ROLLBACK"


class Terms(Struct, frozen=True):
    """What a transaction is bound to."""

    seconds: float
    """For each statement, each lock, and each pause of ours."""
    role: str | None = None
    """The role that it acts as, if not the user's own."""
    isolation: ClassVar[str] = "READ COMMITTED"
    """Of a transaction without a snapshot. Each says so: a role's default may be one that a standby refuses."""
    leave: ClassVar[str] = "ROLLBACK; SELECT pg_catalog.pg_advisory_unlock_all()"
    """Locks of a session outlast the transaction; in one message, a pooler gives both to the same connection."""
    impatient: ClassVar[str] = "SET LOCAL lock_timeout = '1s'"
    """What a sweep says, so that it does not wait for a table that another session uses."""

    def begin(self, *, writes: bool = False, snapshot: bool = False, own: bool = True) -> str:
        """The statements that begin it. `own`: only statements of ours follow, which see the server's catalogue alone.

        Whether it may write is said only when it must not: a role that is read-only by default stays so.
        """
        limit = max(1, round(self.seconds * 1000))
        isolation = "REPEATABLE READ" if snapshot else self.isolation
        statements = [
            f"BEGIN ISOLATION LEVEL {isolation}{'' if writes else ' READ ONLY'}",
            f"SET LOCAL statement_timeout = {limit}",
            f"SET LOCAL lock_timeout = {limit}",
            f"SET LOCAL idle_in_transaction_session_timeout = {limit}",
        ]
        if self.role is not None:
            statements.append(f"SET LOCAL ROLE {identifier(self.role)}")
        if own:
            statements.append(CATALOGUE)
        return "; ".join(statements)


def identifier(*names: str) -> str:
    """Names in double quotes, with dots between them."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(text: str) -> str:
    """A text as a constant, whatever the server thinks of backslashes."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


async def run(connection: Connection, *statements: str) -> list[pq.abc.PGresult]:
    """Run these in one message, and answer the result of each. Raises `psycopg.Error` and `Malformed`."""
    codec = connection.codec  # a connection that breaks in between no longer knows it
    connection.pgconn.send_query(connection.encode("; ".join(statements)))
    results: Sequence[pq.abc.PGresult | None] = await connection.wait(_all_results(connection.pgconn))
    return [checked(result, COMMAND, codec) for result in results or [None]]


def _all_results(pgconn: pq.abc.PGconn) -> PQGen[list[pq.abc.PGresult]]:
    """Send what waits, and read every result of it; a connection that breaks keeps what the server said before."""
    results: list[pq.abc.PGresult] = []
    yield from generators.send(pgconn)
    try:
        while (result := (yield from generators.fetch(pgconn))) is not None:
            results.append(result)
            if result.status in COPIES:  # which has no end of its own
                break
    except psycopg.OperationalError:
        if not results or results[-1].status != pq.ExecStatus.FATAL_ERROR:
            raise
    return results


@asynccontextmanager
async def ended(connection: Connection) -> AsyncIterator[None]:
    """At the end the transaction is over: rolled back unless the block has ended it itself."""
    try:
        yield
    finally:
        await roll_back(connection)


async def roll_back(connection: Connection) -> None:
    """Back to no transaction, where the connection still can; closing it does the same over there."""
    status = connection.pgconn.transaction_status
    if status in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR):
        with suppress(psycopg.Error):
            connection.pgconn.send_query(ROLLBACK)
            await connection.wait(generators.execute(connection.pgconn))
