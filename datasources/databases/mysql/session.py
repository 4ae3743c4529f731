"""One open connection to MySQL or MariaDB."""

import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from datasources.databases.base import Identity, Lineage, QueryAnswer, Session, Table, in_order
from datasources.databases.flood import CONNECTION_BYTES
from datasources.databases.globs import Globs
from datasources.databases.limits import Limit
from datasources.databases.mysql import catalog, query, scratch
from datasources.databases.mysql.connect import Opened
from datasources.databases.mysql.history import read_history
from datasources.databases.mysql.lineage import read_lineage

BATCH = 500
"""Tables held in memory at a time."""


class MysqlSession(Session):
    """Questions to one open connection. Each takes `seconds` at most, whatever the server does."""

    def __init__(self, opened: Opened, seconds: float) -> None:
        self._opened = opened
        self._seconds = seconds

    async def identity(self) -> Identity:
        """The account that the server took us for, and whether TLS is on."""
        status = await self._rows("identity", "SHOW SESSION STATUS LIKE 'Ssl_version'")
        tls_version = next((value for _, value in status if value), None)
        return Identity(
            user=self._opened.user,
            database=self._opened.database,
            address=self._opened.address,
            tls=tls_version is not None,
            tls_verified=self._opened.verification if tls_version else None,
            tls_version=tls_version,
            stages_ms=self._opened.stages_ms,
        )

    async def version(self) -> str:
        """Like `MariaDB 10.11.19` or `MySQL 8.0.36`, by what answers, without what a distribution adds."""
        number = re.match(r"[\d.]+", self._opened.version.removeprefix("5.5.5-"))
        return f"{'MariaDB' if self._opened.is_mariadb else 'MySQL'} {number[0] if number else ''}".strip()

    async def sweep(self, schema: str) -> list[str]:
        """Drop leftovers of tests that were cut off; answers their names."""
        return await scratch.sweep(self._opened, schema, Limit(self._seconds))

    async def write_and_drop(self, schema: str) -> None:
        """Create, write, read and drop a table of random name."""
        await scratch.write_and_drop(self._opened, schema, Limit(self._seconds))

    async def tables(self, wanted: Globs) -> AsyncIterator[list[Table]]:
        """All tables in batches, in the order of their names: four queries, the columns as they arrive."""
        limit = Limit(self._seconds)
        self._opened.wire.begin(CONNECTION_BYTES)
        members = {row[:2]: row for row in await self._rows("tables", catalog.TABLES, limit)}
        keys = catalog.keys_by_table(await self._rows("tables", catalog.KEYS, limit))
        texts = catalog.definitions(await self._rows("tables", catalog.VIEWS, limit))
        stream = await self._opened.within(limit, "tables", _stream)
        batch: list[Table] = []
        while found := await self._opened.within(limit, "tables", partial(_some, stream)):
            for name, columns in found:
                member = members.pop(name, None)
                if member is not None and wanted.match(name[0], name[1], catalog.CATALOG):
                    batch.append(catalog.made(member, columns, keys.get(name, []), texts.get(name)))
            if len(batch) >= BATCH:
                yield batch
                batch = []
        # A view that is broken has no columns.
        yield batch + [
            catalog.made(member, [], [], texts.get((schema, name)))
            for (schema, name), member in members.items()
            if wanted.match(schema, name, catalog.CATALOG)
        ]

    async def lineage(self, wanted: Globs) -> Lineage:
        """What each view reads, by the server's record and its definition; then what earlier statements have made."""
        limit = Limit(self._seconds)
        self._opened.wire.begin(CONNECTION_BYTES)
        read = partial(read_lineage, recorded=not self._opened.is_mariadb)
        found, columns = await self._opened.within(limit, "lineage", read)
        made, history = await read_history(self._opened, limit, self._seconds, columns)
        edges = in_order([*made, *found.edges])
        return Lineage(edges=edges, unread=found.unread, history=history).only(wanted, catalog.CATALOG)

    async def query(self, sql: str) -> QueryAnswer:
        """One statement that only reads, in a read-only transaction (security row 6); the session ends with it."""
        query.require_reading(sql)
        self._opened.wire.begin()
        return await self._opened.within(Limit(self._seconds), "query", partial(query.first_value, sql))

    async def _rows(self, stage: str, statement: str, limit: Limit | None = None) -> list[catalog.Row]:
        return await self._opened.within(limit or Limit(self._seconds), stage, partial(catalog.rows, statement))


def _stream(driver: Any) -> Any:
    """The columns of all tables, grouped, as the server sends them."""
    from pymysql.cursors import SSCursor

    cursor = SSCursor(driver)
    cursor.execute(catalog.COLUMNS)
    return catalog.grouped(cursor.fetchall_unbuffered())


def _some(stream: Any, _: Any) -> list[tuple[catalog.Name, list[catalog.Row]]]:
    return [found for _, found in zip(range(BATCH), stream, strict=False)]
