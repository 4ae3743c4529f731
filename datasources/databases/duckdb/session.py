"""One open DuckDB file."""

import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from datasources.databases.base import Lineage, QueryAnswer, Table
from datasources.databases.duckdb import catalog
from datasources.databases.duckdb.connect import File
from datasources.databases.file_session import FileSession, rows_of
from datasources.databases.globs import Globs
from datasources.databases.limits import Limit
from datasources.databases.scratch import leftovers
from datasources.databases.values import answer_of, has_parameters, no_reading, refuse_nul
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

BATCH = 500
"""Tables handed on at a time."""
READS = frozenset({"SELECT", "EXPLAIN"})
"""Types of statement, as DuckDB's own parser tells them; a temporary table could be made in a read-only file."""


class DuckdbSession(FileSession[File]):
    """Questions to one open file. Each takes `seconds` at most."""

    begin = "BEGIN TRANSACTION"

    async def version(self) -> str:
        """Like `DuckDB 2.0.1`: of the engine, which reads files of several versions."""
        ((version,),) = await self._file.within(Limit(self._seconds), "version", partial(rows_of, "SELECT version()"))
        return f"DuckDB {str(version).removeprefix('v')}"

    async def sweep(self, schema: str) -> list[str]:
        """Drop leftovers of tests that were cut off; answers their names."""

        def drop(connection: Any) -> list[str]:
            found = catalog.Catalog(connection).members
            swept = leftovers(name for there, name, kind, *_ in found if (there, kind) == (schema, "table"))
            for name in swept:
                connection.execute(f"DROP TABLE {_quoted(schema)}.{_quoted(name)}")
            return swept

        return await self._file.within(Limit(self._seconds), "sweep", drop)

    async def write_and_drop(self, schema: str) -> None:
        """Create, write, read and drop a table, in one transaction: nothing can stay behind."""
        limit = Limit(self._seconds)
        await self._require_schema(schema, limit)
        await self._write_and_drop(schema, _quoted(schema), limit)

    async def tables(self, wanted: Globs) -> AsyncIterator[list[Table]]:
        """All tables and views in batches, in the order of their names."""
        found = await self._file.within(Limit(self._seconds), "tables", catalog.Catalog)
        kept = [member for member in found.members if wanted.match(member[0], member[1], self._file.database)]
        for start in range(0, len(kept), BATCH):
            yield [found.table(member) for member in kept[start : start + BATCH]]

    async def lineage(self, wanted: Globs) -> Lineage:
        """What each view reads, by its definition."""
        found = await self._file.within(Limit(self._seconds), "lineage", catalog.read_lineage)
        return found.only(wanted, self._file.database)

    async def query(self, sql: str) -> QueryAnswer:
        """One statement that only reads: the file is open read-only, and all that leads out of it is locked."""
        refuse_nul(sql)
        return await self._file.within(Limit(self._seconds), "query", partial(_first, sql))

    async def _require_schema(self, schema: str, limit: Limit) -> None:
        query = "SELECT schema_name FROM duckdb_schemas() WHERE database_name = current_database()"
        if (schema,) not in await self._file.within(limit, "create", partial(rows_of, query)):
            message = f'Schema "{self._file.database}"."{schema}" does not exist'
            raise CheckError(ErrorCode.SCHEMA_NOT_FOUND, message, {"stage": "create"})


def _first(sql: str, connection: Any) -> QueryAnswer:
    """The first value; rows are made as they are fetched, so that an endless answer costs nothing."""
    statements = connection.extract_statements(sql)  # `execute` would run several of them
    if len(statements) != 1 or statements[0].type.name not in READS:
        raise no_reading()
    if statements[0].named_parameters:
        raise has_parameters()
    started = time.monotonic()
    return answer_of(connection.execute(statements[0]).fetchone(), started)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
