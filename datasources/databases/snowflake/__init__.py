"""Snowflake."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from datasources.databases.base import Database, Driver, Verified
from datasources.databases.snowflake.asker import SnowflakeAsker
from datasources.databases.snowflake.model import SnowflakeOptions, SnowflakeSource
from datasources.databases.snowflake.session import SnowflakeSession
from datasources.databases.warehouse.login import let_in
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode

CLEARTEXT = (
    "Without tls, the password would be sent in clear text: set allow_cleartext_password if you trust the "
    "network in between"
)


class Snowflake(Database):
    """Snowflake, by its own connector behind a proxy of ours."""

    title = "Snowflake"
    protocol = "HTTP"
    source: ClassVar = SnowflakeSource
    options: ClassVar = SnowflakeOptions
    driver = Driver("snowflake.connector", "snowflake")
    verified = Verified("emulator", "fakesnow 0.12, which reports Snowflake 10, over DuckDB 2.0", "2026-11-26")

    @classmethod
    @asynccontextmanager
    async def open(cls, source: SnowflakeSource, *, read_only: bool) -> AsyncIterator[SnowflakeSession]:
        """A login. Raises `SourceUnreachable`. There is no read-only session: the guard is on the test query."""
        options = source.options
        if not options.tls and not options.allow_cleartext_password:
            raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, CLEARTEXT, {"stage": "login", "cleartext": True})
        asker = SnowflakeAsker(source)
        async with let_in(source, asker, asker.begin):
            yield SnowflakeSession(asker, source.query_timeout, options.default_db, options.metadata_database)
