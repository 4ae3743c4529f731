"""One open connection to PostgreSQL."""

import math
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg import generators, pq

from datasources.databases.base import History, Identity, Lineage, LineageEdge, QueryAnswer, Session, Table, in_order
from datasources.databases.flood import MEGABYTE, Flood
from datasources.databases.globs import Globs
from datasources.databases.history.apart import READ_SECONDS
from datasources.databases.limits import Limit
from datasources.databases.postgres import queries, query, scratch
from datasources.databases.postgres.answers import (
    ROWS,
    Malformed,
    Me,
    Row,
    checked,
    read,
    read_edge,
    read_table,
    rows_of,
)
from datasources.databases.postgres.connect import Opened
from datasources.databases.postgres.errors import translated
from datasources.databases.postgres.history.names import NAMES
from datasources.databases.postgres.history.names import Row as NameRow
from datasources.databases.postgres.history.past import Past, history_of
from datasources.databases.postgres.history.stat_statements import remembered
from datasources.databases.postgres.libpq import tls_version
from datasources.databases.postgres.transaction import Terms, ended, roll_back, run

T = TypeVar("T")

BATCH = 500
"""Tables held in memory at a time."""
BATCH_BYTES = 4 * MEGABYTE
"""A batch with more than that ends early: a table has up to 1,600 columns."""
LINEAGE_BYTES = 64 * MEGABYTE
"""Of all edges together, which are kept until they are counted; of the statements that made others, too."""
VERSION_LIMIT = 100
"""Characters of what a server may call its version."""
DECLARE = f"DECLARE sourcecheck_tables NO SCROLL CURSOR FOR {queries.TABLES}"
FETCH = f"FETCH FORWARD {BATCH} FROM sourcecheck_tables"
END = "ROLLBACK"
ANSWERS = ROWS | {pq.ExecStatus.COMMAND_OK}


class PgSession(Session):
    """Questions to one open connection, each in a transaction of its own, which ends with the answer."""

    def __init__(self, opened: Opened, terms: Terms) -> None:
        self._opened = opened
        self._connection = opened.connection
        self._terms = terms
        self._me: Me | None = None

    async def identity(self) -> Identity:
        """Who am I, and is TLS on: on the way to whatever answers here, which may be a pooler."""
        me = await self._identity()
        tls = bool(self._connection.pgconn.ssl_in_use)
        return Identity(
            user=me.user,
            database=me.database,
            address=self._opened.address,
            tls=tls,
            tls_verified=self._opened.verification if tls else None,
            tls_version=tls_version(self._connection.pgconn) if tls else None,
            stages_ms=self._opened.stages_ms,
        )

    async def version(self) -> str:
        """Like `PostgreSQL 14.5`, without what a distribution adds."""
        known = (self._connection.pgconn.parameter_status(b"server_version") or b"").decode(errors="replace")
        return f"PostgreSQL {known.split(' ')[0][:VERSION_LIMIT]}".strip()

    async def sweep(self, schema: str) -> list[str]:
        """Drop leftovers of tests that were cut off; answers their names."""
        return await scratch.sweep(self._connection, self._terms, schema)

    async def write_and_drop(self, schema: str) -> None:
        """Create, write, read and drop a table of random name, in one transaction: nothing can stay behind."""
        await scratch.write_and_drop(self._connection, self._terms, schema)

    async def tables(self, wanted: Globs) -> AsyncIterator[list[Table]]:
        """All tables in batches, in the order of their names, by one query in one snapshot and a cursor on the server.

        A table is there if the user may use its schema and read it or one of its columns. A partition counts as a
        table, as the partitioned table does.
        """
        database = (await self._identity()).database
        limit = Limit(self._terms.seconds)
        async with ended(self._connection):
            await self._run("tables", limit, self._terms.begin(snapshot=True), DECLARE)
            fetched = BATCH
            while fetched:
                fetched, size, batch = 0, 0, list[Table]()
                async for table, length in self._stream("tables", limit, read_table, FETCH):
                    fetched += 1
                    if wanted.match(table.schema, table.name, database):
                        batch.append(table)
                        size += length
                    if size > BATCH_BYTES:
                        yield batch
                        size, batch = 0, []
                yield batch

    async def lineage(self, wanted: Globs) -> Lineage:
        """What each view reads, down to columns, from the dependencies of its rewrite rule; then the history."""
        database = (await self._identity()).database
        edges, size, limit = list[LineageEdge](), 0, Limit(self._terms.seconds)
        async with ended(self._connection):
            async for edge, length in self._stream(
                "lineage", limit, read_edge, self._terms.begin(), queries.LINEAGE, END
            ):
                if edge.is_wanted(wanted, database):
                    edges.append(edge)
                size += length
                if size > LINEAGE_BYTES:
                    with translated("lineage"):
                        raise Flood(size, LINEAGE_BYTES)
        made, history = await self._made_before(database)
        known = in_order([*(edge for edge in made if edge.is_wanted(wanted, database)), *edges])
        return Lineage(edges=known, history=history)

    async def count_unreadable(self) -> int:
        """How many tables of users there are that the user may not read."""
        (count,) = await self._row("tables", queries.UNREADABLE, tuple[str])
        return int(count)

    async def query(self, sql: str) -> QueryAnswer:
        """One statement that only reads; the session, not the text, is the guard (security row 6)."""
        return await query.first_value(self._connection, self._terms, sql)

    async def _identity(self) -> Me:
        """User and database by the server's own words, which a pooler may have named otherwise; asked for once."""
        if self._me is None:
            self._me = await self._row("identity", queries.IDENTITY, Me)
        return self._me

    async def _past(self) -> Past:
        """The statements that the server has kept."""
        read_history = partial(self._read, "history", most=LINEAGE_BYTES)
        return await remembered(read_history, (await self._identity()).user)

    async def _made_before(self, database: str) -> tuple[list[LineageEdge], History]:
        """What earlier statements have made from what."""
        past = await self._past()
        names = NAMES.format(visible=queries.VISIBLE, relations=queries.RELATIONS)
        rows = await self._read("history", names, NameRow, most=LINEAGE_BYTES) if past.texts else []
        async with Limit(self._terms.seconds).round("history"):
            return await history_of(past, rows, database, min(READ_SECONDS, self._terms.seconds / 2))

    async def _read(self, stage: str, statement: str, kind: Any, *, most: float = math.inf) -> list[Any]:
        """All rows of one of our own statements, of so many bytes, read one by one in a transaction of its own."""
        found, size, limit = list[Any](), 0, Limit(self._terms.seconds)
        parse = partial(read, kind=kind)
        async for row, length in self._stream(stage, limit, parse, self._terms.begin(), statement, END):
            found.append(row)
            size += length
            if size > most:
                with translated(stage):
                    raise Flood(size, LINEAGE_BYTES)
        return found

    async def _row(self, stage: str, statement: str, kind: type[T]) -> T:
        """The only row of one of our own statements, in a transaction of its own."""
        results = await self._run(stage, Limit(self._terms.seconds), self._terms.begin(), statement, END)
        with translated(stage):
            rows = [row for result in results if result.nfields for row in rows_of(result, self._connection.codec)]
            if len(rows) != 1:
                raise Malformed("not one row")
            return read(rows[0], kind)

    async def _run(self, stage: str, limit: Limit, *statements: str) -> list[pq.abc.PGresult]:
        """Run statements of ours in one message."""
        async with limit.round(stage):
            with translated(stage):
                try:
                    return await run(self._connection, *statements)
                except psycopg.Error:
                    await roll_back(self._connection)
                    raise

    async def _stream(
        self, stage: str, limit: Limit, parse: Callable[[Row], T], *statements: str
    ) -> AsyncIterator[tuple[T, int]]:
        """Each row of the one query among statements of ours, and its length; rows are read one by one."""
        connection = self._connection
        async with limit.round(stage):
            with translated(stage):
                connection.pgconn.send_query(connection.encode("; ".join(statements)))
                connection.pgconn.set_single_row_mode()
                await connection.wait(generators.send(connection.pgconn))
        over = False
        while True:
            async with limit.round(stage):
                with translated(stage):
                    result = await connection.wait(generators.fetch(connection.pgconn))
                    if result is None:
                        return
                    checked(result, ANSWERS, connection.codec)
                    if result.status == pq.ExecStatus.COMMAND_OK:  # of what stands around the query
                        continue
                    rows = rows_of(result, connection.codec)
                    if over:
                        raise Malformed("more than one result")
                    over = result.status != pq.ExecStatus.SINGLE_TUPLE
                    found = [(parse(row), sum(len(text or "") for text in row)) for row in rows]
            for row in found:
                yield row
