"""Teradata."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from datasources.databases.base import Database, Driver, Verified
from datasources.databases.teradata.asker import TeradataAsker
from datasources.databases.teradata.model import TeradataOptions, TeradataSource
from datasources.databases.teradata.session import TeradataSession
from datasources.databases.warehouse.login import let_in


class Teradata(Database):
    """Teradata, by its own Python driver behind a relay of ours."""

    title = "Teradata"
    source: ClassVar = TeradataSource
    options: ClassVar = TeradataOptions
    driver = Driver("teradatasql", "teradata")
    name_bytes = None
    verified = Verified(
        "documents", "Teradata's documentation of 17 and 20, and teradatasql 20.0; no server", "2026-11-26"
    )

    @classmethod
    @asynccontextmanager
    async def open(cls, source: TeradataSource, *, read_only: bool) -> AsyncIterator[TeradataSession]:
        """A login. Raises `SourceUnreachable`. There is no read-only session: the guard is on the test query."""
        asker = TeradataAsker(source)
        async with let_in(source, asker, asker.begin):
            yield TeradataSession(asker, source.query_timeout)
