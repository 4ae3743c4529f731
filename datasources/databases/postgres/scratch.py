"""A table for a moment, in the schema for temporary tables."""

import secrets

import psycopg
from psycopg import sql

from datasources.databases.limits import Limit
from datasources.databases.postgres.answers import checked, read, rows_of
from datasources.databases.postgres.errors import translated
from datasources.databases.postgres.queries import LEFTOVERS
from datasources.databases.scratch_names import leftovers, marked_name
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

SWEEP_LOCK = "1s"
"""How long a sweep waits for a table that another session uses."""


async def write_and_drop(connection: psycopg.AsyncConnection, schema: str, limit: Limit) -> None:
    """Create a table, write to it, read it, drop it, and commit: a permanent table, so that the right is really used.

    All in one transaction, so that an early end (a kill, a cut connection, a refused drop) takes the table
    with it, and there is no state in which it could stay behind. Raises `CheckError` naming the table.
    """
    name = marked_name()
    table = sql.Identifier(schema, name)
    shown = sql.Identifier(connection.info.dbname, schema, name).as_string()
    token = secrets.token_hex(8)
    steps = (
        ("begin", "Unable to create table", sql.SQL("BEGIN")),
        ("create", "Unable to create table", sql.SQL("CREATE TABLE {} (token text)").format(table)),
        ("write", "Unable to write to table", sql.SQL("INSERT INTO {} VALUES ({})").format(table, token)),
        ("read", "Unable to read table", sql.SQL("SELECT token FROM {}").format(table)),
        ("drop", "Unable to drop table", sql.SQL("DROP TABLE {}").format(table)),
        ("commit", "Unable to commit table", sql.SQL("COMMIT")),
    )
    try:
        for stage, failure, statement in steps:
            async with limit.round(stage):
                with translated(stage, f"{failure} {shown}: "):
                    cursor = await connection.execute(statement)
                    if stage == "read" and rows_of(checked(cursor.pgresult)) != [[token]]:
                        raise CheckError(ErrorCode.QUERY_ERROR, f"{failure} {shown}: it does not hold what was written")
    finally:
        await _end(connection)


async def _end(connection: psycopg.AsyncConnection) -> None:
    """Back to no transaction, where the connection still can; closing it does the same over there."""
    if connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR:
        with translated("drop"):
            await connection.execute("ROLLBACK")


async def sweep(connection: psycopg.AsyncConnection, schema: str, limit: Limit) -> list[str]:
    """Drop our own tables with our mark that are older than an hour, and nothing else; answers their names.

    What cannot be dropped stays, and is no verdict on the schema.
    """
    swept = []
    async with limit.round("sweep"):
        with translated("sweep"):
            found = rows_of(checked((await connection.execute(LEFTOVERS, [schema])).pgresult))
            for name in leftovers(read(row, tuple[str])[0] for row in found):
                if await _drop(connection, schema, name):
                    swept.append(name)
    return swept


async def _drop(connection: psycopg.AsyncConnection, schema: str, name: str) -> bool:
    """Drop one leftover, unless another session uses it."""
    statement = sql.SQL("BEGIN; SET LOCAL lock_timeout = {}; DROP TABLE {}; COMMIT")
    try:
        await connection.execute(statement.format(SWEEP_LOCK, sql.Identifier(schema, name)))
    except psycopg.Error:
        await _end(connection)
        return False
    return True
