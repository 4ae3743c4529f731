"""Amazon Redshift: PostgreSQL's protocol, and a catalogue, limits and a history of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from datasources.databases.base import Verified
from datasources.databases.postgres import Postgres
from datasources.databases.postgres.connect import connection
from datasources.databases.redshift.model import RedshiftOptions, RedshiftSource
from datasources.databases.redshift.session import RedshiftSession
from datasources.databases.redshift.terms import RedshiftTerms


class Redshift(Postgres):
    """Redshift, by psycopg 3."""

    title = "Amazon Redshift"
    source = RedshiftSource
    options = RedshiftOptions
    aliases = ()
    name_bytes = 127
    dependency_dialect = "redshift"
    verified = Verified(
        "protocol", "PostgreSQL 18 that reports Redshift 1, with our own system views; no Redshift", "2026-11-26"
    )

    @classmethod
    @asynccontextmanager
    async def open(cls, source: Any, *, read_only: bool) -> AsyncIterator[RedshiftSession]:
        """A fresh connection, never pooled. Raises `SourceUnreachable`."""
        async with connection(source) as opened:
            terms = RedshiftTerms(source.query_timeout, group=source.options.adhoc_query_group)
            session = RedshiftSession(opened, terms)
            await session.require_role(source.options.role)
            yield session
