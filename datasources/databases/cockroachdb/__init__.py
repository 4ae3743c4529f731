"""CockroachDB: PostgreSQL's protocol over another engine, with a catalogue and errors of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from datasources.databases.base import Verified
from datasources.databases.cockroachdb.model import CockroachOptions, CockroachSource
from datasources.databases.cockroachdb.refusals import meaning_of
from datasources.databases.cockroachdb.session import CockroachSession
from datasources.databases.cockroachdb.terms import CockroachTerms
from datasources.databases.postgres import Postgres
from datasources.databases.postgres.connect import connection
from datasources.databases.refusal import retold


class Cockroachdb(Postgres):
    """CockroachDB, by psycopg 3."""

    title = "CockroachDB"
    source = CockroachSource
    options = CockroachOptions
    aliases = ()
    name_bytes = None
    verified = Verified(
        "protocol", "PostgreSQL 18 that reports CockroachDB 25, with a view of our own; no CockroachDB", "2026-11-26"
    )

    @classmethod
    @asynccontextmanager
    async def open(cls, source: Any, *, read_only: bool) -> AsyncIterator[CockroachSession]:
        """A fresh connection, never pooled. Raises `SourceUnreachable`."""
        with retold(meaning_of):
            async with connection(source) as opened:
                yield CockroachSession(opened, CockroachTerms(source.query_timeout, source.options.role))
