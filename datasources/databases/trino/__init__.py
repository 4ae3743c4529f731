"""Trino, and Starburst, which is Trino with a token and without a catalog of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from datasources.databases.base import Database, Verified
from datasources.databases.opening import opening
from datasources.databases.trino.asker import TrinoAsker
from datasources.databases.trino.model import StarburstOptions, StarburstSource, TrinoOptions, TrinoSource
from datasources.databases.trino.session import TrinoSession
from datasources.databases.warehouse.errors import translated
from datasources.databases.warehouse.http import Verification, Way, way_of
from datasources.model.errors import SourceUnreachable
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode
from datasources.network.progress import Progress

WHO = "SELECT current_user"
CLEARTEXT = (
    "HTTP sends the password in clear text, and the connection is not encrypted: use tls, or set "
    "allow_cleartext_password if nobody can listen on the way"
)


class Trino(Database):
    """Trino, by its REST protocol and httpx."""

    title = "Trino"
    protocol = "HTTP"
    source: ClassVar[type[Source]] = TrinoSource
    options: ClassVar[Any] = TrinoOptions
    verified = Verified("protocol", "a double of ours that says Trino 476, over DuckDB 2.0", "2026-11-26")

    @classmethod
    @asynccontextmanager
    async def open(cls, source: Any, *, read_only: bool) -> AsyncIterator[TrinoSession]:
        """A user whom the coordinator knows. Raises `SourceUnreachable`.

        `read_only` makes no difference: a test query has a transaction that cannot write.
        """
        options = source.options
        if not options.tls and options.secrets() and not options.allow_cleartext_password:
            raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, CLEARTEXT, {"stage": "login", "cleartext": True})
        asker: TrinoAsker | None = None
        verification: Verification = getattr(options, "ssl_verification", "full")
        try:
            async with opening(source.connection_timeout) as progress:
                way_context = way_of(source, progress, verification)
                way = await way_context.__aenter__()
                asker = TrinoAsker(way, options, source.query_timeout)
                await cls._let_in(asker, way, source, progress)
            yield TrinoSession(asker, source.query_timeout, options.dbname)
        finally:
            if asker is not None:
                await asker.cancel()

    @classmethod
    async def _let_in(cls, asker: TrinoAsker, way: Way, source: Any, progress: Progress) -> None:
        raise NotImplementedError
