"""DuckDB files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from datasources.databases.base import Driver, Verified
from datasources.databases.duckdb.connect import opened
from datasources.databases.duckdb.model import DuckdbOptions, DuckdbSource
from datasources.databases.duckdb.session import DuckdbSession
from datasources.databases.files import FileDatabase


class Duckdb(FileDatabase):
    """DuckDB, by its own module."""

    title = "DuckDB"
    source: ClassVar = DuckdbSource
    options: ClassVar = DuckdbOptions
    driver = Driver("duckdb", "duckdb")
    verified = Verified("engine", "DuckDB 2.0", "2026-11-25")

    @classmethod
    @asynccontextmanager
    async def open(cls, source: DuckdbSource, *, read_only: bool) -> AsyncIterator[DuckdbSession]:
        """The file, opened anew. Raises `SourceUnreachable`, TOO_MANY_CONNECTIONS while it is open otherwise."""
        async with opened(source, read_only=read_only) as file:
            yield DuckdbSession(file, source.query_timeout)
