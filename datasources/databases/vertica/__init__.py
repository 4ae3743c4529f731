"""Vertica."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from datasources.databases.base import Database, Driver, Verified
from datasources.databases.vertica.asker import VerticaAsker
from datasources.databases.vertica.model import VerticaOptions, VerticaSource
from datasources.databases.vertica.session import VerticaSession
from datasources.databases.warehouse.login import let_in


class Vertica(Database):
    """Vertica, by its own Python driver behind a relay of ours."""

    title = "Vertica"
    source: ClassVar = VerticaSource
    options: ClassVar = VerticaOptions
    driver = Driver("vertica_python", "vertica")
    verified = Verified(
        "documents", "Vertica's documentation of 9.1 to 23.4, and vertica-python 1.4; no server", "2026-11-26"
    )

    @classmethod
    @asynccontextmanager
    async def open(cls, source: VerticaSource, *, read_only: bool) -> AsyncIterator[VerticaSession]:
        """A login, whose transactions only read where that is wanted. Raises `SourceUnreachable`."""
        asker = VerticaAsker(source, read_only=read_only)
        async with let_in(source, asker, asker.begin):
            yield VerticaSession(asker, source.query_timeout)
