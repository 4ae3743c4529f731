"""One open connection to PostgreSQL."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator

import psycopg
from psycopg import generators, pq, sql

from datasources.databases.base import (
    Column,
    ForeignKey,
    Identity,
    LineageEdge,
    QueryAnswer,
    Session,
    Table,
)
from datasources.databases.globs import Globs
from datasources.databases.postgres import queries
from datasources.databases.postgres.connect import Opened, connection
from datasources.databases.postgres.errors import said, translated
from datasources.databases.postgres.model import PgSource
from datasources.errors import CheckError
from datasources.words import ErrorCode

MARK = "sourcecheck_tmp"
LEFTOVER_SECONDS = 3600
BATCH = 500
VALUE_LIMIT = 1000
"""Characters of a test query's value that are kept."""


class PgSession(Session):
    """Questions to one open connection."""

    def __init__(self, source: PgSource, opened: Opened) -> None:
        self._source = source
        self._opened = opened
        self._connection = opened.connection

    async def identity(self) -> Identity:
        """Who am I, and is TLS on."""
        with translated():
            row = await (await self._connection.execute(queries.IDENTITY)).fetchone()
        user, database, tls, tls_version = row or ("", "", False, None)
        return Identity(
            user=user,
            database=database,
            address=self._opened.address,
            tls=tls,
            tls_version=tls_version,
            stages_ms=self._opened.stages_ms,
        )

    async def version(self) -> str:
        """Like `PostgreSQL 14.5`, without what a distribution adds."""
        known = self._connection.info.parameter_status("server_version") or ""
        return f"PostgreSQL {known.split(' ')[0]}"

    async def write_and_drop(self, schema: str) -> None:
        """Create, write, read and drop a table of random name; a failed clean-up is a "no" that names the table."""
        await self._sweep(schema)
        name = f"{MARK}_{int(time.time()):x}_{secrets.token_hex(4)}"
        table = sql.Identifier(schema, name)
        shown = f'"{self._connection.info.dbname}"."{schema}"."{name}"'
        with translated(prefix=f"Unable to create table {shown}: "):
            await self._connection.execute(sql.SQL("CREATE TABLE {} (id integer)").format(table))
        try:
            with translated(prefix=f"Unable to write to table {shown}: "):
                await self._connection.execute(sql.SQL("INSERT INTO {} VALUES (1)").format(table))
                await self._connection.execute(sql.SQL("SELECT id FROM {}").format(table))
        finally:
            await asyncio.shield(self._drop(table, shown))

    async def _drop(self, table: sql.Identifier, shown: str) -> None:
        """Drop the table, over a connection of its own when ours is gone."""
        statement = sql.SQL("DROP TABLE IF EXISTS {}").format(table)
        try:
            async with asyncio.timeout(5):
                if self._connection.info.transaction_status == pq.TransactionStatus.IDLE:
                    await self._connection.execute(statement)
                    return
                async with connection(self._source, read_only=False, patience=2) as opened:
                    await opened.connection.execute(statement)
        except (psycopg.Error, CheckError, TimeoutError) as error:
            why = said(error) if isinstance(error, psycopg.Error) else str(error)
            raise CheckError(
                ErrorCode.QUERY_ERROR, f"Unable to drop table {shown}, which stays behind: {why}", {"left": shown}
            ) from error

    async def _sweep(self, schema: str) -> None:
        """Remove what tests cut off more than an hour ago left behind; its failure is no verdict."""
        try:
            found = await (await self._connection.execute(queries.LEFTOVERS, [schema])).fetchall()
            for (name,) in found:
                if time.time() - int(name.split("_")[2], 16) > LEFTOVER_SECONDS:
                    await self._connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(schema, name)))
        except psycopg.Error:
            return

    async def tables(self, include: str | None, exclude: str | None) -> AsyncIterator[list[Table]]:
        """All tables in batches, by one query and a cursor on the server; partitions count as tables."""
        wanted = Globs(include, exclude, self._connection.info.dbname)
        with translated():
            async with self._connection.transaction(), self._connection.cursor("tables") as cursor:
                await cursor.execute(queries.TABLES)
                while rows := await cursor.fetchmany(BATCH):
                    yield [_table(row) for row in rows if wanted.match(row[0], row[1])]

    async def lineage(self) -> list[LineageEdge]:
        """What each view reads, down to columns, from the rewrite rules' dependencies."""
        with translated():
            rows = await (await self._connection.execute(queries.LINEAGE)).fetchall()
        return [LineageEdge(source=source, target=target, columns=columns) for source, target, columns in rows]

    async def query(self, statement: str) -> QueryAnswer:
        """One statement that only reads; the session, not the text, is the guard (security, row 6)."""
        with translated():
            await self._connection.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            # With a snapshot taken, the server refuses to make this transaction read-write again.
            await self._connection.execute("SELECT 1")
            try:
                await self._require_rows(statement)
                return await self._first_value(statement)
            finally:
                # A statement that was cut off is cancelled, and the transaction with it, when the connection closes.
                if self._connection.info.transaction_status in (
                    pq.TransactionStatus.INTRANS,
                    pq.TransactionStatus.INERROR,
                ):
                    await self._connection.execute("ROLLBACK")

    async def _require_rows(self, statement: str) -> None:
        """Let the server parse and describe it: one statement, and one that answers rows (no COPY, DO, DDL)."""
        pgconn = self._connection.pgconn
        pgconn.send_prepare(b"sourcecheck", statement.encode())
        await self._finish(pgconn)
        pgconn.send_describe_prepared(b"sourcecheck")
        described = await self._finish(pgconn)
        if described.nfields == 0:
            raise CheckError(ErrorCode.QUERY_NOT_READ_ONLY, "The test query is not a query that answers rows")

    async def _finish(self, pgconn: pq.abc.PGconn) -> pq.abc.PGresult:
        async with asyncio.timeout(self._source.query_timeout):
            result: pq.abc.PGresult = (await self._connection.wait(generators.execute(pgconn)))[-1]
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result, encoding="utf-8")
        return result

    async def _first_value(self, statement: str) -> QueryAnswer:
        """Row by row, and only the first: an endless result costs nothing."""
        started = time.monotonic()
        pgconn = self._connection.pgconn
        pgconn.send_query_prepared(b"sourcecheck", None)
        pgconn.set_single_row_mode()
        first = await self._next_result(pgconn)
        spent = round((time.monotonic() - started) * 1000, 3)
        if first is not None and first.status == pq.ExecStatus.SINGLE_TUPLE:
            await self._connection.cancel_safe(timeout=2.0)
        while await self._next_result(pgconn) is not None:
            continue
        if first is not None and first.status == pq.ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(first, encoding="utf-8")
        value = first.get_value(0, 0) if first is not None and first.ntuples else None
        text = None if value is None else value.decode()[:VALUE_LIMIT]
        return QueryAnswer(value=text, response_time_ms=spent)

    async def _next_result(self, pgconn: pq.abc.PGconn) -> pq.abc.PGresult | None:
        async with asyncio.timeout(self._source.query_timeout):
            result: pq.abc.PGresult | None = await self._connection.wait(generators.fetch(pgconn))
        return result


def _table(row: tuple[object, ...]) -> Table:
    schema, name, kind, comment, rows, columns, keys = row
    return Table(
        schema=str(schema),
        name=str(name),
        kind=queries.KINDS[str(kind)],
        comment=comment,  # type: ignore[arg-type]
        rows=rows,  # type: ignore[arg-type]
        columns=[Column(name=n, type=t, nullable=null, comment=c) for n, t, null, c in columns],  # type: ignore[attr-defined]
        primary_key=next((own for kind, _, own, _ in keys if kind == "p"), []),  # type: ignore[attr-defined]
        foreign_keys=[
            ForeignKey(columns=own, table=table, referenced=there)
            for kind, table, own, there in keys  # type: ignore[attr-defined]
            if kind == "f"
        ],
    )
