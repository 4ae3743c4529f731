"""One open SQLite file."""

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

from datasources.databases.base import Lineage, QueryAnswer, Table
from datasources.databases.file_session import FileSession
from datasources.databases.globs import Globs
from datasources.databases.limits import Limit
from datasources.databases.scratch import leftovers
from datasources.databases.sqlite import catalog
from datasources.databases.sqlite.connect import File
from datasources.databases.values import answer_of, no_rows, refuse_nul
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

BATCH = 500
"""Tables held in memory at a time."""


class SqliteSession(FileSession[File]):
    """Questions to one open file. Each takes `seconds` at most."""

    begin = "BEGIN IMMEDIATE"

    async def version(self) -> str:
        """Like `SQLite 3.40.1`: of the library, because a file has none."""
        return f"SQLite {sqlite3.sqlite_version}"

    async def sweep(self, schema: str) -> list[str]:
        """Drop leftovers of tests that were cut off; answers their names."""
        _require_main(schema)

        def drop(connection: sqlite3.Connection) -> list[str]:
            swept = []
            for name in leftovers(name for name, kind, _ in catalog.members(connection) if kind == "table"):
                with suppress(sqlite3.OperationalError):  # another process uses it, or something depends on it
                    connection.execute(f'DROP TABLE main."{name}"')
                    swept.append(name)
            return swept

        return await self._file.within(Limit(self._seconds), "sweep", drop)

    async def write_and_drop(self, schema: str) -> None:
        """Create, write, read and drop a table, in one transaction: nothing can stay behind."""
        _require_main(schema)
        await self._write_and_drop(schema, schema, Limit(self._seconds))

    async def tables(self, wanted: Globs) -> AsyncIterator[list[Table]]:
        """All tables and views in batches, in the order of their names."""
        limit, database = Limit(self._seconds), self._file.database
        found = await self._file.within(limit, "tables", catalog.members)
        kept = [member for member in found if wanted.match(catalog.SCHEMA, member[0], database)]
        for start in range(0, len(kept), BATCH):
            batch = kept[start : start + BATCH]
            yield await self._file.within(limit, "tables", partial(catalog.described, batch))

    async def lineage(self, wanted: Globs) -> Lineage:
        """What each view reads, by its definition."""
        found = await self._file.within(Limit(self._seconds), "lineage", catalog.read_lineage)
        return found.only(wanted, self._file.database)

    async def query(self, sql: str) -> QueryAnswer:
        """One statement that only reads: the file is open read-only, and SQLite asks us about each thing it does."""
        refuse_nul(sql)
        self._file.allow_reading_only()

        def first(connection: sqlite3.Connection) -> QueryAnswer:
            started = time.monotonic()
            cursor = connection.execute(sql)
            if cursor.description is None:
                raise no_rows()
            answer = answer_of(cursor.fetchone(), started)
            cursor.close()
            return answer

        return await self._file.within(Limit(self._seconds), "query", first)


def _require_main(schema: str) -> None:
    if schema != catalog.SCHEMA:
        message = f"An SQLite file has one schema, main, and no {schema}"
        raise CheckError(ErrorCode.SCHEMA_NOT_FOUND, message, {"stage": "create"})
