"""IBM Db2."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from datasources.databases.base import Database, Driver, Verified
from datasources.databases.db2.asker import Db2Asker
from datasources.databases.db2.model import Db2Options, Db2Source
from datasources.databases.db2.session import Db2Session
from datasources.databases.warehouse.login import let_in


class Db2(Database):
    """IBM Db2 for Linux, UNIX and Windows, by IBM's own driver."""

    title = "IBM Db2"
    source: ClassVar = Db2Source
    options: ClassVar = Db2Options
    driver = Driver("ibm_db_dbi", "db2")
    name_bytes = 128
    verified = Verified(
        "documents",
        "IBM's documentation of Db2 11.5, and our own double up to the login; no Db2 server",
        "2026-11-26",
    )

    @classmethod
    @asynccontextmanager
    async def open(cls, source: Db2Source, *, read_only: bool) -> AsyncIterator[Db2Session]:
        """A login. Raises `SourceUnreachable`. What a test query does is rolled back, whatever `read_only` says."""
        asker = Db2Asker(source)
        async with let_in(source, asker, asker.begin):
            yield Db2Session(asker, source.query_timeout)
