"""What acceptance tests do on the servers themselves, beside HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from tests.fixtures.servers.database import Server


@contextmanager
def locked_schema(server: Server, name: str) -> Iterator[psycopg.Connection[Any]]:
    """A schema in which creating a table has to wait until the session that comes with it rolls back."""
    with server.connect() as setup, server.connect() as holder:
        setup.execute(f"CREATE SCHEMA {name}")  # type: ignore[call-overload]
        setup.execute(f"GRANT ALL ON SCHEMA {name} TO reader")  # type: ignore[call-overload]
        holder.execute("BEGIN")
        holder.execute(f"DROP SCHEMA {name}")  # type: ignore[call-overload]
        try:
            yield holder
        finally:
            holder.execute("ROLLBACK")


def rows_of(session: psycopg.Connection[tuple[str, ...]]) -> str:
    """Every row of every table, as text; bytes as text, too."""
    tables = session.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()
    rows: list[str] = []
    for schema, table in tables:
        query = sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(schema, table))
        rows += [row[0] for row in session.execute(query)]
    return "\n".join(rows)
