"""One open connection to PostgreSQL."""

from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from psycopg import generators, pq

from datasources.databases.base import Identity, Lineage, LineageEdge, QueryAnswer, Session, Table
from datasources.databases.flood import MEGABYTE, Flood
from datasources.databases.globs import Globs
from datasources.databases.limits import Limit
from datasources.databases.postgres import queries, query, scratch
from datasources.databases.postgres.answers import Malformed, Me, Row, checked, read, read_edge, read_table, rows_of
from datasources.databases.postgres.connect import Opened
from datasources.databases.postgres.errors import translated

T = TypeVar("T")

BATCH = 500
"""Tables held in memory at a time."""
BATCH_BYTES = 4 * MEGABYTE
"""A batch with more than that ends early: a table has up to 1,600 columns."""
LINEAGE_BYTES = 64 * MEGABYTE
"""Of all edges together, which are kept until they are counted."""
VERSION_LIMIT = 100
"""Characters of what a server may call its version."""
SNAPSHOT = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
DECLARE = f"DECLARE sourcecheck_tables NO SCROLL CURSOR FOR {queries.TABLES}"
FETCH = f"FETCH FORWARD {BATCH} FROM sourcecheck_tables"


class PgSession(Session):
    """Questions to one open connection. Each takes `seconds` at most, even when the server is silent."""

    def __init__(self, opened: Opened, seconds: float) -> None:
        self._opened = opened
        self._connection = opened.connection
        self._seconds = seconds

    async def identity(self) -> Identity:
        """Who am I, and is TLS on: on the way to what answers here, which may be a pooler."""
        me = await self._one("identity", queries.IDENTITY, Me)
        tls = bool(self._connection.pgconn.ssl_in_use)
        return Identity(
            user=me.user,
            database=me.database,
            address=self._opened.address,
            tls=tls,
            tls_version=me.tls_version if tls else None,
            stages_ms=self._opened.stages_ms,
        )

    async def version(self) -> str:
        """Like `PostgreSQL 14.5`, without what a distribution adds."""
        known = (self._connection.pgconn.parameter_status(b"server_version") or b"").decode(errors="replace")
        return f"PostgreSQL {known.split(' ')[0][:VERSION_LIMIT]}".strip()

    async def sweep(self, schema: str) -> list[str]:
        """Drop leftovers of tests that were cut off; answers their names."""
        return await scratch.sweep(self._connection, schema, Limit(self._seconds))

    async def write_and_drop(self, schema: str) -> None:
        """Create, write, read and drop a table of random name, in one transaction: nothing can stay behind."""
        await scratch.write_and_drop(self._connection, schema, Limit(self._seconds))

    async def tables(self, wanted: Globs) -> AsyncIterator[list[Table]]:
        """All tables in batches, in the order of their names, by one query in one snapshot and a cursor on the server.

        A table is there if the user may use its schema and read it or one of its columns. A partition counts as a
        table, as the partitioned table does.
        """
        database = self._connection.info.dbname
        limit = Limit(self._seconds)
        for statement in (SNAPSHOT, DECLARE):
            await self._run("tables", statement, limit)
        fetched = BATCH
        while fetched:
            fetched, size, batch = 0, 0, list[Table]()
            async for table, length in self._stream("tables", FETCH, read_table, limit):
                fetched += 1
                if wanted.match(table.schema, table.name, database):
                    batch.append(table)
                    size += length
                if size > BATCH_BYTES:
                    yield batch
                    size, batch = 0, []
            yield batch
        await self._run("tables", "ROLLBACK", limit)

    async def lineage(self, wanted: Globs) -> Lineage:
        """What each view reads, down to columns, from the dependencies of its rewrite rule."""
        edges, size, database = list[LineageEdge](), 0, self._connection.info.dbname
        async for edge, length in self._stream("lineage", queries.LINEAGE, read_edge, Limit(self._seconds)):
            if edge.is_wanted(wanted, database):
                edges.append(edge)
            size += length
            if size > LINEAGE_BYTES:
                with translated("lineage"):
                    raise Flood(size, LINEAGE_BYTES)
        return Lineage(edges=edges)

    async def query(self, sql: str) -> QueryAnswer:
        """One statement that only reads; the session, not the text, is the guard (security row 6)."""
        return await query.first_value(self._connection, sql, Limit(self._seconds))

    async def _one(self, stage: str, statement: str, kind: type[T]) -> T:
        """The only row of one of our own statements."""
        result = await self._run(stage, statement, Limit(self._seconds))
        with translated(stage):
            if result is None or result.ntuples != 1:
                raise Malformed("not one row")
            return read(rows_of(result)[0], kind)

    async def _run(self, stage: str, statement: str, limit: Limit) -> pq.abc.PGresult | None:
        """Run one of our own statements."""
        async with limit.round(stage):
            with translated(stage):
                return (await self._connection.execute(statement.encode())).pgresult

    async def _stream(
        self, stage: str, statement: str, parse: Callable[[Row], T], limit: Limit
    ) -> AsyncIterator[tuple[T, int]]:
        """Each row of one of our own statements, and its length; they are read one by one, not all at once."""
        connection = self._connection
        async with limit.round(stage):
            with translated(stage):
                connection.pgconn.send_query(statement.encode())
                connection.pgconn.set_single_row_mode()
                await connection.wait(generators.send(connection.pgconn))
        over = False
        while True:
            async with limit.round(stage):
                with translated(stage):
                    result = await connection.wait(generators.fetch(connection.pgconn))
                    if result is None:
                        return
                    rows = rows_of(checked(result))
                    if over:
                        raise Malformed("more than one result")
                    over = result.status != pq.ExecStatus.SINGLE_TUPLE
                    found = [(parse(row), sum(len(text or "") for text in row)) for row in rows]
            for row in found:
                yield row
