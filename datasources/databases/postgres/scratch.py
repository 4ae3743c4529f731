"""A table for a moment, in the schema for temporary tables."""

import secrets

import psycopg

from datasources.databases.limits import Limit
from datasources.databases.postgres.answers import read, rows_of
from datasources.databases.postgres.connect import Connection
from datasources.databases.postgres.errors import translated
from datasources.databases.postgres.queries import LEFTOVERS
from datasources.databases.postgres.transaction import Terms, ended, identifier, literal, run
from datasources.databases.scratch import leftovers, marked_name, require_written


async def write_and_drop(connection: Connection, terms: Terms, schema: str) -> None:
    """Create a table, write to it, read it, drop it, and commit: a permanent table, so that the right is really used.

    All in one transaction, so that an early end (a kill, a cut connection, a refused drop) takes the table
    with it, and there is no state in which it could stay behind. Raises `CheckError` naming the table.
    """
    name, token, limit = marked_name(), secrets.token_hex(8), Limit(terms.seconds)
    table, shown = identifier(schema, name), identifier(connection.database, schema, name)
    steps = (
        ("begin", "Unable to create table", terms.begin(writes=True)),
        ("create", "Unable to create table", f"CREATE TABLE {table} (token text)"),
        ("write", "Unable to write to table", f"INSERT INTO {table} VALUES ('{token}')"),  # noqa: S608 -- quoted
        ("read", "Unable to read table", f"SELECT token FROM {table}"),  # noqa: S608 -- quoted
        ("drop", "Unable to drop table", f"DROP TABLE {table}"),
        ("commit", "Unable to commit table", "COMMIT"),
    )
    async with ended(connection):
        for stage, failure, statement in steps:
            async with limit.round(stage):
                with translated(stage, f"{failure} {shown}: "):
                    *_, result = await run(connection, statement)
                    if stage == "read":
                        require_written(rows_of(result), [[token]], f"table {shown}")


async def sweep(connection: Connection, terms: Terms, schema: str, listed: str | None = None) -> list[str]:
    """Drop our own tables with our mark that are older than an hour, and nothing else; answers their names.

    What cannot be dropped stays, and is no verdict on the schema. `listed` is the query that finds them.
    """
    swept, limit = [], Limit(terms.seconds)
    async with limit.round("sweep"):
        with translated("sweep"):
            async with ended(connection):
                *_, result = await run(connection, terms.begin(), listed or LEFTOVERS.format(schema=literal(schema)))
                found = rows_of(result, connection.codec)
            for name in leftovers(read(row, tuple[str])[0] for row in found):
                if await _drop(connection, terms, schema, name):
                    swept.append(name)
    return swept


async def _drop(connection: Connection, terms: Terms, schema: str, name: str) -> bool:
    """Drop one leftover, unless another session uses it."""
    drop = f"DROP TABLE {identifier(schema, name)}"
    try:
        async with ended(connection):
            await run(connection, terms.begin(writes=True), terms.impatient, drop, "COMMIT")
    except psycopg.Error:
        return False
    return True
