"""Databricks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import ClassVar

from datasources.databases.base import Database, Verified
from datasources.databases.databricks.asker import DatabricksAsker
from datasources.databases.databricks.model import DatabricksOptions, DatabricksSource
from datasources.databases.databricks.session import DatabricksSession
from datasources.databases.warehouse.login import logged_in
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode

CLEARTEXT = (
    "Without tls, the token would be sent in clear text: set allow_cleartext_password if you trust the "
    "network in between"
)


class Databricks(Database):
    """Databricks, by its Statement Execution API and httpx."""

    title = "Databricks"
    protocol = "HTTP"
    source: ClassVar = DatabricksSource
    options: ClassVar = DatabricksOptions
    verified = Verified(
        "protocol", "Spark 3.5 behind a double of ours of the Statement Execution API; no Unity Catalog", "2026-11-26"
    )

    @classmethod
    @asynccontextmanager
    async def open(cls, source: DatabricksSource, *, read_only: bool) -> AsyncIterator[DatabricksSession]:
        """A principal that the workspace knows. Raises `SourceUnreachable`. The text of a test query is the guard."""
        options = source.options
        if not options.tls and not options.allow_cleartext_password:
            raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, CLEARTEXT, {"stage": "login", "cleartext": True})
        async with logged_in(source, partial(DatabricksAsker, source=source)) as asker:
            yield DatabricksSession(asker, source.query_timeout)
