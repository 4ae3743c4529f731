"""PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from datasources.databases.base import Database, Verified
from datasources.databases.postgres.connect import connection
from datasources.databases.postgres.model import PgOptions, PgSource
from datasources.databases.postgres.session import PgSession
from datasources.databases.postgres.transaction import Terms


class Postgres(Database):
    """PostgreSQL, by psycopg 3."""

    title = "PostgreSQL"
    source: ClassVar[type[PgSource]] = PgSource
    options: ClassVar[type[PgOptions]] = PgOptions
    aliases: ClassVar[tuple[str, ...]] = ("postgresql",)
    name_bytes: ClassVar[int | None] = 63
    dependency_dialect = "postgres"
    verified = Verified("engine", "PostgreSQL 15 and 18", "2026-11-25")

    @classmethod
    @asynccontextmanager
    async def open(cls, source: PgSource, *, read_only: bool) -> AsyncIterator[PgSession]:
        """A fresh connection, never pooled. Raises `SourceUnreachable`.

        `read_only` makes no difference: each transaction says whether it writes.
        """
        async with connection(source) as opened:
            yield PgSession(opened, Terms(source.query_timeout, source.options.role))
