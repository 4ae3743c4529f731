"""A client's own query: the session lets it read only, even when its text looks harmless and is not."""

import time

import psycopg
from psycopg import generators, pq

from datasources.databases.base import QueryAnswer
from datasources.databases.flood import Flood
from datasources.databases.limits import Limit
from datasources.databases.postgres.answers import checked
from datasources.databases.postgres.connect import Connection, cancel
from datasources.databases.postgres.errors import translated
from datasources.databases.postgres.transaction import Terms, roll_back, run
from datasources.databases.values import as_text, has_parameters, no_rows, refuse_nul, too_wide
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

NAME = b""
END_SECONDS = 2.0
"""How long the server may take to end a query of which we know enough."""
SNAPSHOT = "SELECT 1"
"""With a snapshot taken, the server refuses to make the transaction read-write again."""
ONE_STATEMENT = ("42601", "exec_parse_message")
"""SQLSTATE and the server's function that says it: there is no state of its own for several statements in one."""


async def first_value(connection: Connection, terms: Terms, statement: str) -> QueryAnswer:
    """Run one statement in a read-only transaction, read its first row at most, and roll back (security row 6).

    The session is the guard: the extended protocol takes one statement only, what answers no rows (COPY, DO, DDL) is
    refused before it is run, and what writes is refused by the server. Raises `CheckError`.
    """
    text, limit = _encoded(connection, statement), Limit(terms.seconds)
    try:
        async with limit.round("query"):
            with translated("query"):
                await run(connection, terms.begin(snapshot=True, own=False), SNAPSHOT)
                await _describe(connection, text)
                answer = await _first(connection)
    except CheckError:
        await _end(connection, terms)
        raise
    await _end(connection, terms)
    return answer


def _encoded(connection: Connection, statement: str) -> bytes:
    refuse_nul(statement)
    try:
        return statement.encode(connection.codec)
    except UnicodeEncodeError as error:
        message = f"The test query has a character that the database's encoding ({connection.codec}) does not have"
        raise CheckError(ErrorCode.QUERY_ERROR, message, {"stage": "query"}) from error


async def _describe(connection: Connection, text: bytes) -> None:
    """Let the server parse it, and ask what it would answer."""
    pgconn = connection.pgconn
    pgconn.send_prepare(NAME, text)
    try:
        await _result(connection)
    except psycopg.errors.SyntaxError as error:
        if (error.sqlstate, error.diag.source_function) != ONE_STATEMENT:
            raise
        message = error.diag.message_primary or "Only one statement is allowed"
        raise CheckError(ErrorCode.QUERY_NOT_READ_ONLY, message, {"stage": "query", "sqlstate": "42601"}) from error
    pgconn.send_describe_prepared(NAME)
    described = await _result(connection)
    if described.nparams:
        raise has_parameters()
    if not described.nfields:
        raise no_rows()


async def _result(connection: Connection) -> pq.abc.PGresult:
    results = await connection.wait(generators.execute(connection.pgconn))
    return checked(results[-1] if results else None, [pq.ExecStatus.COMMAND_OK], connection.codec)


async def _first(connection: Connection) -> QueryAnswer:
    """Ask for the rows one by one, and read one: an endless answer costs nothing."""
    pgconn = connection.pgconn
    started = time.monotonic()
    pgconn.send_query_prepared(NAME, None)
    pgconn.set_single_row_mode()
    try:
        await connection.wait(generators.send(pgconn))
        result = await connection.wait(generators.fetch(pgconn))
    except Flood as error:
        raise too_wide(error) from error
    spent = round((time.monotonic() - started) * 1000, 3)
    rows = checked(result, codec=connection.codec)
    value = as_text(rows.get_value(0, 0), connection.codec)
    return QueryAnswer(value=value, response_time_ms=spent, has_row=rows.ntuples > 0)


async def _end(connection: Connection, terms: Terms) -> None:
    """Cancel what still runs and roll back; a server that does neither in time is left by closing the connection."""
    try:
        async with Limit(END_SECONDS).round("query"):
            await cancel(connection)
            with translated("query"):
                while connection.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
                    await connection.wait(generators.fetch(connection.pgconn))
                if connection.pgconn.transaction_status != pq.TransactionStatus.IDLE:
                    await _leave(connection, terms)
    except CheckError:
        await connection.close()


async def _leave(connection: Connection, terms: Terms) -> None:
    """Roll back, and give up locks that the query may have taken for its session, where the server lets us."""
    try:
        await run(connection, terms.leave)
    except psycopg.errors.InsufficientPrivilege:
        await roll_back(connection)
