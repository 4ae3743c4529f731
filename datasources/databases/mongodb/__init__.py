"""MongoDB."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from datasources.databases.base import Database, Driver, Verified
from datasources.databases.mongodb.connect import opened
from datasources.databases.mongodb.model import MongodbOptions, MongodbSource
from datasources.databases.mongodb.session import NO_QUERIES, MongodbSession
from datasources.model.steps import TEST_QUERY


class Mongodb(Database):
    """MongoDB, by pymongo."""

    title = "MongoDB"
    protocol = "MongoDB"
    source: ClassVar = MongodbSource
    options: ClassVar = MongodbOptions
    verified = Verified("emulator", "SecantusDB 0.7, which reports MongoDB 8.2", "2026-11-26")
    driver = Driver("pymongo", "mongodb")
    lacks: ClassVar = {TEST_QUERY: NO_QUERIES}

    @classmethod
    def elsewhere(cls, source: Any, database: str) -> Any:
        """A schema is a database here, so that `database.schema` may only name the source's own."""
        if database != source.options.database:
            raise cls.no_schemas()
        return source

    @classmethod
    @asynccontextmanager
    async def open(cls, source: MongodbSource, *, read_only: bool) -> AsyncIterator[MongodbSession]:
        """A connection to this server alone. No session of ours takes a statement of the user's that could write."""
        async with opened(source) as server:
            yield MongodbSession(server, source.query_timeout)
