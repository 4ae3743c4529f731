"""Oracle Database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from datasources.databases.base import Database, Driver, Verified
from datasources.databases.oracle.asker import OracleAsker
from datasources.databases.oracle.model import OracleOptions, OracleSource
from datasources.databases.oracle.session import OracleSession
from datasources.databases.warehouse.login import let_in


class Oracle(Database):
    """Oracle Database, by python-oracledb in its thin mode."""

    title = "Oracle Database"
    source: ClassVar = OracleSource
    options: ClassVar = OracleOptions
    driver = Driver("oracledb", "oracle")
    verified = Verified(
        "documents", "Oracle's documentation, and python-oracledb's own code; no Oracle server", "2026-11-26"
    )

    @classmethod
    @asynccontextmanager
    async def open(cls, source: OracleSource, *, read_only: bool) -> AsyncIterator[OracleSession]:
        """A login. Raises `SourceUnreachable`. A test query has a read-only transaction, whatever `read_only` says."""
        asker = OracleAsker(source)
        async with let_in(source, asker, lambda progress: setattr(asker, "progress", progress)):
            yield OracleSession(asker, source.query_timeout)
