"""PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import msgspec

from datasources.databases.base import Database
from datasources.databases.postgres.connect import connection
from datasources.databases.postgres.model import PgOptions, PgSource
from datasources.databases.postgres.session import PgSession


class Postgres(Database):
    """PostgreSQL, by psycopg 3."""

    title = "PostgreSQL"
    source: ClassVar = PgSource
    options: ClassVar = PgOptions
    features = ("connection", "temp_schema", "schema_download", "lineage_download")

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, source: PgSource, *, read_only: bool = True, patience: float = 0, database: str | None = None
    ) -> AsyncIterator[PgSession]:
        """A fresh connection, never pooled. Raises `SourceUnreachable`."""
        if database is not None:
            source = msgspec.structs.replace(source, options=msgspec.structs.replace(source.options, dbname=database))
        async with connection(source, read_only=read_only, patience=patience) as opened:
            yield PgSession(opened, source.query_timeout)
