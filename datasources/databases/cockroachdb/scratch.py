"""A table for a moment, in the schema for temporary tables. DDL commits here, so that a cut may leave one behind.

CockroachDB's page on schema changes asks for each of them to stand alone: inside a transaction they may fail at its
commit, and with `autocommit_before_ddl`, on since 25.1, they end it.
"""

import secrets
from functools import partial

from datasources.databases.limits import Limit
from datasources.databases.postgres.answers import rows_of
from datasources.databases.postgres.connect import Connection
from datasources.databases.postgres.errors import translated
from datasources.databases.postgres.transaction import Terms, ended, identifier, run
from datasources.databases.scratch import dropped, marked_name, require_written


async def write_and_drop(connection: Connection, terms: Terms, schema: str) -> None:
    """Create a table, write to it, read it, drop it. Raises `CheckError` naming the table.

    Whatever fails after it was created, it is dropped; a process or a connection that ends in between leaves it to the
    sweep of a later test.
    """
    name, token, limit = marked_name(), secrets.token_hex(8), Limit(terms.seconds)
    table, shown = identifier(schema, name), identifier(connection.database, schema, name)

    async def step(stage: str, failure: str, statement: str) -> list[list[str | None]]:
        async with limit.round(stage):
            with translated(stage, f"{failure} {shown}: "):
                async with ended(connection):
                    results = await run(connection, terms.begin(writes=True), statement, "COMMIT")
                return [list(row) for result in results if result.nfields for row in rows_of(result)]

    await step("create", "Unable to create table", f"CREATE TABLE {table} (token text)")
    async with dropped(partial(step, "drop", "Unable to drop table", f"DROP TABLE {table}")):
        await step("write", "Unable to write to table", f"INSERT INTO {table} VALUES ('{token}')")  # noqa: S608 -- quoted
        found = await step("read", "Unable to read table", f"SELECT token FROM {table}")  # noqa: S608 -- quoted
        require_written(found, [[token]], f"table {shown}")
