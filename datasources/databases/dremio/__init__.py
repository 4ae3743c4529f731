"""Dremio."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, ClassVar

from datasources.databases.base import Database, Verified
from datasources.databases.dremio.asker import DremioAsker
from datasources.databases.dremio.model import DremioOptions, DremioSource
from datasources.databases.dremio.session import DremioSession
from datasources.databases.warehouse.login import logged_in
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode

CLEARTEXT = (
    "HTTP sends the password in clear text, and the connection is not encrypted: use tls, or set "
    "allow_cleartext_password if you trust the network in between"
)


class Dremio(Database):
    """Dremio, by its REST API and httpx."""

    title = "Dremio"
    protocol = "HTTP"
    source: ClassVar = DremioSource
    options: ClassVar = DremioOptions
    verified = Verified("protocol", "our own double of Dremio 26, over DuckDB 2.0", "2026-11-26")

    @classmethod
    def elsewhere(cls, source: Any, database: str) -> Any:
        """There is one catalog: a path with dots is one name, and goes in quotes."""
        message = f'{cls.title} has no other databases: write a path with folders in quotes, "{database}.FOLDER"'
        raise SourceUnreachable(ErrorCode.DATABASE_NOT_FOUND, message, {"stage": "database"})

    @classmethod
    @asynccontextmanager
    async def open(cls, source: DremioSource, *, read_only: bool) -> AsyncIterator[DremioSession]:
        """A user whom Dremio knows. Raises `SourceUnreachable`. The text of a test query is the guard."""
        options = source.options
        if not options.tls and options.secrets() and not options.allow_cleartext_password:
            raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, CLEARTEXT, {"stage": "login", "cleartext": True})
        make = partial(DremioAsker, options=options)
        async with logged_in(source, make, options.verification, options.customcert) as asker:
            yield DremioSession(asker, source.query_timeout, bool(options.project_id))
