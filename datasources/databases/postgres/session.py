"""One open connection to PostgreSQL."""

from collections.abc import AsyncIterator
from typing import Any

from datasources.databases.base import Column, ForeignKey, Identity, Lineage, LineageEdge, QueryAnswer, Session, Table
from datasources.databases.globs import Globs
from datasources.databases.limits import Limit
from datasources.databases.postgres import queries, query, scratch
from datasources.databases.postgres.connect import Opened
from datasources.databases.postgres.errors import translated

BATCH = 500
"""Tables held in memory at a time."""
SNAPSHOT = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
DECLARE = f"DECLARE sourcecheck_tables NO SCROLL CURSOR FOR {queries.TABLES}"
FETCH = f"FETCH FORWARD {BATCH} FROM sourcecheck_tables"


class PgSession(Session):
    """Questions to one open connection. Each takes `seconds` at most, whatever the server does."""

    def __init__(self, opened: Opened, seconds: float) -> None:
        self._opened = opened
        self._connection = opened.connection
        self._seconds = seconds

    async def identity(self) -> Identity:
        """Who am I, and is TLS on: on the way to whatever answers here, which may be a pooler."""
        ((user, database, tls_version),) = await self._rows("identity", queries.IDENTITY)
        tls = bool(self._connection.pgconn.ssl_in_use)
        return Identity(
            user=user,
            database=database,
            address=self._opened.address,
            tls=tls,
            tls_version=tls_version if tls else None,
            stages_ms=self._opened.stages_ms,
        )

    async def version(self) -> str:
        """Like `PostgreSQL 14.5`, without what a distribution adds."""
        known = self._connection.info.parameter_status("server_version") or ""
        return f"PostgreSQL {known.split(' ')[0]}".strip()

    async def sweep(self, schema: str) -> list[str]:
        """Drop leftovers of tests that were cut off; answers their names."""
        return await scratch.sweep(self._connection, schema, Limit(self._seconds))

    async def write_and_drop(self, schema: str) -> None:
        """Create, write, read and drop a table of random name, in one transaction: nothing can stay behind."""
        await scratch.write_and_drop(self._connection, schema, Limit(self._seconds))

    async def tables(self, include: str | None, exclude: str | None) -> AsyncIterator[list[Table]]:
        """All tables in batches, in the order of their names, by one query in one snapshot and a cursor on the server.

        A table is there if the user may use its schema and read it or one of its columns. A partition counts as a
        table, as the partitioned table does.
        """
        wanted = Globs(include, exclude, self._connection.info.dbname)
        limit = Limit(self._seconds)
        for statement in (SNAPSHOT, DECLARE):
            await self._rows("tables", statement, limit)
        while rows := await self._rows("tables", FETCH, limit):
            yield [_table(row) for row in rows if wanted.match(row[0], row[1])]
        await self._rows("tables", "ROLLBACK", limit)

    async def lineage(self) -> Lineage:
        """What each view reads, down to columns, from the dependencies of its rewrite rule."""
        rows = await self._rows("lineage", queries.LINEAGE)
        edges = [LineageEdge(source=source, target=target, columns=columns) for source, target, columns in rows]
        return Lineage(edges=edges)

    async def query(self, sql: str) -> QueryAnswer:
        """One statement that only reads; the session, not the text, is the guard (security row 6)."""
        return await query.first_value(self._connection, sql, Limit(self._seconds))

    async def _rows(self, stage: str, statement: str, limit: Limit | None = None) -> list[tuple[Any, ...]]:
        """All rows of one of our own statements."""
        async with (limit or Limit(self._seconds)).round(stage):
            with translated(stage):
                cursor = await self._connection.execute(statement.encode())
                return await cursor.fetchall() if cursor.description else []


def _table(row: tuple[Any, ...]) -> Table:
    schema, name, kind, comment, rows, columns, keys = row
    return Table(
        schema=schema,
        name=name,
        kind=queries.KINDS[kind],
        comment=comment,
        rows=rows,
        columns=[Column(name=n, type=t, nullable=null, comment=c) for n, t, null, c in columns],
        primary_key=next((own for key, _, own, _ in keys if key == "p"), []),
        foreign_keys=[
            ForeignKey(columns=own, table=table, referenced=there) for key, table, own, there in keys if key == "f"
        ],
    )
