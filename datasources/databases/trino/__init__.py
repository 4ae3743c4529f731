"""Trino, and Starburst, which is Trino with a token and without a catalog of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, ClassVar

from datasources.databases.base import Database, Verified
from datasources.databases.trino.asker import TrinoAsker
from datasources.databases.trino.model import StarburstOptions, StarburstSource, TrinoOptions, TrinoSource
from datasources.databases.trino.session import TrinoSession
from datasources.databases.warehouse.login import logged_in
from datasources.model.errors import SourceUnreachable
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode
from datasources.network.tls import Verification

CLEARTEXT = (
    "HTTP sends the password in clear text, and the connection is not encrypted: use tls, or set "
    "allow_cleartext_password if you trust the network in between"
)


class Trino(Database):
    """Trino, by its REST protocol and httpx."""

    title = "Trino"
    protocol = "HTTP"
    source: ClassVar[type[Source]] = TrinoSource
    options: ClassVar[Any] = TrinoOptions
    verified = Verified("protocol", "our own double of Trino 476, over DuckDB 2.0", "2026-11-26")

    @classmethod
    @asynccontextmanager
    async def open(cls, source: Any, *, read_only: bool) -> AsyncIterator[TrinoSession]:
        """A user whom the coordinator knows. Raises `SourceUnreachable`.

        `read_only` makes no difference: a test query has a transaction that cannot write.
        """
        options = source.options
        if not options.tls and options.secrets() and not options.allow_cleartext_password:
            raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, CLEARTEXT, {"stage": "login", "cleartext": True})
        verification: Verification = getattr(options, "ssl_verification", "full")
        make = partial(TrinoAsker, options=options, seconds=source.query_timeout)
        async with logged_in(source, make, verification) as asker:
            yield TrinoSession(asker, source.query_timeout, options.dbname)


class Starburst(Trino):
    """Starburst: the same protocol, with a token for a login, and all catalogs where none is named."""

    title = "Starburst"
    source: ClassVar[type[Source]] = StarburstSource
    options: ClassVar[Any] = StarburstOptions
    verified = Verified("protocol", "our own double of Trino 476, over DuckDB 2.0", "2026-11-26")
