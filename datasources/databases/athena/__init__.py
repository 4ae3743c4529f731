"""Amazon Athena."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, ClassVar

from datasources.databases.athena.asker import AthenaAsker
from datasources.databases.athena.model import AthenaOptions, AthenaSource
from datasources.databases.athena.session import AthenaSession
from datasources.databases.base import Database, Verified
from datasources.databases.warehouse.login import logged_in
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode

CLEARTEXT = (
    "Without tls, others could read requests and answers: set allow_cleartext_password if you trust the "
    "network in between"
)


class Athena(Database):
    """Athena, by its own and Glue's APIs and httpx."""

    title = "Amazon Athena"
    protocol = "HTTP"
    source: ClassVar = AthenaSource
    options: ClassVar = AthenaOptions
    verified = Verified(
        "protocol",
        "our own double of engine 3, over DuckDB 2.0; signatures and Glue by moto 5.2",
        "2026-11-26",
    )

    @classmethod
    def elsewhere(cls, source: Any, database: str) -> Any:
        """A schema is a database here, so that `database.schema` may only name the source's own, or its catalog."""
        if database not in (source.options.database, source.options.catalog):
            raise cls.no_schemas()
        return source

    @classmethod
    @asynccontextmanager
    async def open(cls, source: AthenaSource, *, read_only: bool) -> AsyncIterator[AthenaSession]:
        """A key that Athena knows. Raises `SourceUnreachable`. There is no read-only session: the text is the guard."""
        options = source.options
        if not options.tls and not options.allow_cleartext_password:
            raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, CLEARTEXT, {"stage": "login", "cleartext": True})
        async with logged_in(source, partial(AthenaAsker, options=options)) as asker:
            yield AthenaSession(asker, source.query_timeout, options)
