"""A table for a moment, in the database for temporary tables. DDL commits here, so that a cut may leave one behind."""

import secrets
from contextlib import suppress
from functools import partial
from typing import Any

from datasources.databases.limits import Limit
from datasources.databases.mysql.catalog import Row, rows
from datasources.databases.mysql.connect import Opened
from datasources.databases.refusal import Refusal
from datasources.databases.scratch import dropped, leftovers, marked_name, require_written
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

SCHEMAS = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA"
NO_WRITES = (
    "The server takes no writes here, by the setting that its message names: name a server that does (not a replica), "
    "or have the administrator change the setting."
)
STANDBY = {ErrorCode.QUERY_NOT_READ_ONLY: Refusal(ErrorCode.PERMISSION_DENIED, NO_WRITES)}
"""Here a read-only server is not the fault of a query."""


async def write_and_drop(opened: Opened, schema: str, limit: Limit) -> None:
    """Create a table, write to it, read it, drop it. Raises `CheckError` naming the table.

    Whatever fails after it was created, it is dropped; a process or a connection that ends in between leaves it to the
    sweep of a later test.
    """
    if (schema,) not in await opened.within(limit, "create", partial(rows, SCHEMAS)):
        message = f'Schema "{schema}" does not exist, or the user may not see it'
        raise CheckError(ErrorCode.SCHEMA_NOT_FOUND, message, {"stage": "create"})
    name, token = marked_name(), secrets.token_hex(8)
    table = f"{quoted(schema)}.{quoted(name)}"
    shown = f'"{opened.database}"."{schema}"."{name}"'

    async def step(stage: str, failure: str, statement: str) -> list[Row]:
        return await opened.within(limit, stage, partial(rows, statement), f"{failure} {shown}: ", special=STANDBY)

    await step("create", "Unable to create table", f"CREATE TABLE {table} (token varchar(32))")
    async with dropped(partial(step, "drop", "Unable to drop table", f"DROP TABLE {table}")):
        await step("write", "Unable to write to table", f"INSERT INTO {table} VALUES ('{token}')")  # noqa: S608 -- ours
        found = await step("read", "Unable to read table", f"SELECT token FROM {table}")  # noqa: S608 -- ours
        require_written(found, [(token,)], f"table {shown}")


async def sweep(opened: Opened, schema: str, limit: Limit) -> list[str]:
    """Drop tables with our mark that are older than an hour, and nothing else; answers their names."""

    def drop(driver: Any) -> list[str]:
        import pymysql

        rows("SET SESSION lock_wait_timeout = 1", driver)
        swept = []
        listed = f"SHOW FULL TABLES IN {quoted(schema)} LIKE 'sourcecheck\\_tmp\\_%'"
        for name in leftovers(row[0] for row in rows(listed, driver) if row[1] == "BASE TABLE"):
            with suppress(pymysql.MySQLError):  # another session uses it, or the user may not drop it
                rows(f"DROP TABLE {quoted(schema)}.{quoted(name)}", driver)
                swept.append(name)
        return swept

    return await opened.within(limit, "sweep", drop)


def quoted(name: str) -> str:
    """In backticks, which mean the same under every sql_mode."""
    return "`" + name.replace("`", "``") + "`"
