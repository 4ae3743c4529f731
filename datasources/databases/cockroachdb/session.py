"""One open connection to CockroachDB: PostgreSQL's session, but for the catalogue, and for DDL."""

import re

from datasources.databases.base import QueryAnswer
from datasources.databases.cockroachdb import catalog, queries, scratch
from datasources.databases.postgres.plain import PlainSession
from datasources.databases.postgres.session import VERSION_LIMIT
from datasources.databases.warehouse.catalog import Catalog, Member, by_table
from datasources.databases.warehouse.guard import refuse_calls, require_reading

INTERNAL = re.compile(r"crdb_internal\.\w+", re.IGNORECASE)
"""Functions that crash a node or write its descriptors stand among those that read; a test query needs neither."""
VERSION = re.compile(r"CockroachDB \S+(?: OSS)? v(\S+)")


class CockroachSession(PlainSession):
    """Questions to one open connection, each in a transaction of its own."""

    dialect = "postgres"
    dependencies = queries.DEPENDENCIES

    async def version(self) -> str:
        """Like `CockroachDB 25.2.1`: the version of PostgreSQL that it reports is that of its protocol."""
        ((text,),) = await self._read("version", queries.VERSION, tuple[str])
        found = VERSION.match(text)
        return f"CockroachDB {found[1][:VERSION_LIMIT]}" if found else (await super().version())

    async def write_and_drop(self, schema: str) -> None:
        """Create, write, read and drop a table of random name, each by itself: DDL ends a transaction there."""
        await scratch.write_and_drop(self._connection, self._terms, schema)

    async def query(self, sql: str) -> QueryAnswer:
        """One statement that only reads.

        A read-only transaction is not enough of a guard: DDL commits it first (`autocommit_before_ddl`), so what is not
        read as a query is not sent.
        """
        require_reading(sql)
        refuse_calls(sql, INTERNAL)
        return await super().query(sql)

    async def _catalog(self, stage: str) -> Catalog:
        members = await self._read(stage, queries.MEMBERS, catalog.MemberRow)
        columns = await self._read(stage, queries.COLUMNS, catalog.ColumnRow)
        primary, foreign = catalog.keys_of(await self._read(stage, queries.KEYS, catalog.KeyRow))
        counted = await self._read_if_granted(stage, queries.ROWS, catalog.CountRow) or []
        counts = {(schema, name): count for schema, name, count in counted}
        return Catalog(
            members=[
                Member(
                    schema=schema,
                    name=name,
                    kind=catalog.KINDS.get(kind, kind),
                    comment=comment,
                    rows=counts.get((schema, name)),
                    definition=definition,
                )
                for schema, name, kind, comment, definition in members
            ],
            columns=by_table(catalog.columns_of(columns)),
            primary=primary,
            foreign=foreign,
        )
