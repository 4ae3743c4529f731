"""Google BigQuery."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import ClassVar

from datasources.databases.base import Database, Verified
from datasources.databases.bigquery.asker import BigqueryAsker
from datasources.databases.bigquery.model import BigqueryOptions, BigquerySource
from datasources.databases.bigquery.session import BigquerySession
from datasources.databases.warehouse.login import logged_in
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode

CLEARTEXT = (
    "Without tls, the token would be sent in clear text: set allow_cleartext_password if you trust the "
    "network in between"
)


class Bigquery(Database):
    """BigQuery, by its REST API and httpx."""

    title = "Google BigQuery"
    protocol = "HTTP"
    source: ClassVar = BigquerySource
    options: ClassVar = BigqueryOptions
    verified = Verified("emulator", "local-bigquery 0.4, which speaks API v2, over DuckDB 1.5", "2026-11-26")

    @classmethod
    @asynccontextmanager
    async def open(cls, source: BigquerySource, *, read_only: bool) -> AsyncIterator[BigquerySession]:
        """An account that the project knows. Raises `SourceUnreachable`. A test query is run dry before."""
        options = source.options
        if not options.tls and not options.allow_cleartext_password:
            raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, CLEARTEXT, {"stage": "login", "cleartext": True})
        make = partial(BigqueryAsker, options=options, seconds=source.query_timeout)
        async with logged_in(source, make) as asker:
            yield BigquerySession(asker, source.query_timeout, options)
