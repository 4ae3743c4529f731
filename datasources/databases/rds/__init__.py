"""PostgreSQL as Amazon runs it: Aurora, and RDS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from datasources.databases.base import Verified
from datasources.databases.postgres import Postgres
from datasources.databases.postgres.connect import connection
from datasources.databases.postgres.model import PgSource
from datasources.databases.postgres.transaction import Terms
from datasources.databases.rds.model import AuroraSource, RdsOptions, RdsSource
from datasources.databases.rds.refusals import meaning_of
from datasources.databases.rds.session import RdsSession
from datasources.databases.refusal import retold


class Rds(Postgres):
    """Amazon RDS for PostgreSQL, by psycopg 3."""

    title = "Amazon RDS for PostgreSQL"
    source: ClassVar[type[PgSource]] = RdsSource
    options = RdsOptions
    aliases = ()
    verified = Verified(
        "emulator", "PostgreSQL 15, whose code it runs, and CloudWatch Logs of moto 5.2; no RDS instance", "2026-11-26"
    )

    @classmethod
    @asynccontextmanager
    async def open(cls, source: Any, *, read_only: bool) -> AsyncIterator[RdsSession]:
        """A fresh connection, never pooled. Raises `SourceUnreachable`."""
        with retold(meaning_of):
            async with connection(source) as opened:
                terms = Terms(source.query_timeout, source.options.role)
                yield RdsSession(opened, terms, source)


class Aurora(Rds):
    """Amazon Aurora's edition that is compatible with PostgreSQL."""

    title = "Amazon Aurora PostgreSQL"
    source = AuroraSource
    verified = Verified(
        "emulator",
        "PostgreSQL 18, which Aurora is made from, with our own aurora_version(), and CloudWatch Logs of moto 5.2; "
        "no Aurora",
        "2026-11-26",
    )
