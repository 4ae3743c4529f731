"""ClickHouse."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from datasources.databases.base import Database, Verified
from datasources.databases.clickhouse.connect import opened
from datasources.databases.clickhouse.model import ClickhouseOptions, ClickhouseSource
from datasources.databases.clickhouse.session import ClickhouseSession


class Clickhouse(Database):
    """ClickHouse, by its HTTP interface and httpx."""

    title = "ClickHouse"
    protocol = "HTTP"
    source: ClassVar = ClickhouseSource
    options: ClassVar = ClickhouseOptions
    verified = Verified("engine", "chDB 4 (ClickHouse 26) behind our own small HTTP server", "2026-11-25")

    @classmethod
    def elsewhere(cls, source: Any, database: str) -> Any:
        """A schema is a database here, so that `database.schema` may only name the source's own."""
        if database != source.options.database:
            raise cls.no_schemas()
        return source

    @classmethod
    @asynccontextmanager
    async def open(cls, source: ClickhouseSource, *, read_only: bool) -> AsyncIterator[ClickhouseSession]:
        """A client that has been let in. Raises `SourceUnreachable`."""
        async with opened(source, read_only=read_only) as asker:
            yield ClickhouseSession(asker, source.query_timeout)
