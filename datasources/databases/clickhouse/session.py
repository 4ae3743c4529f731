"""A client that a ClickHouse server has let in."""

import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import msgspec

from datasources.databases.base import Identity, Lineage, QueryAnswer, Session, Table, in_order
from datasources.databases.clickhouse import catalog
from datasources.databases.clickhouse.connect import Asker
from datasources.databases.clickhouse.errors import Refused, translated
from datasources.databases.clickhouse.history import read_history
from datasources.databases.clickhouse.lineage import read_lineage
from datasources.databases.flood import CONNECTION_BYTES, Flood
from datasources.databases.globs import Globs
from datasources.databases.limits import Limit
from datasources.databases.scratch import dropped, leftovers, marked_name, require_written
from datasources.databases.values import as_text, no_rows, refuse_nul, too_wide
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from datasources.network.threads import in_thread

BATCH = 500
"""Tables handed on at a time."""
THROWN = re.compile(rb'(?:\{"exception": ?")?Code: (\d+)\. DB::Exception: ')
"""What the server writes where rows were to come, when it fails after it has begun to answer."""


class ClickhouseSession(Session):
    """Questions to one server. Each takes `seconds` at most, whatever the server does."""

    def __init__(self, asker: Asker, seconds: float) -> None:
        self._asker = asker
        self._seconds = seconds

    async def identity(self) -> Identity:
        """The user that the server took us for, and whether TLS is on."""
        asker = self._asker
        return Identity(
            user=asker.user,
            database=asker.database,
            address=asker.address,
            tls=asker.verification is not None,
            tls_verified=asker.verification,
            stages_ms=asker.stages_ms,
        )

    async def version(self) -> str:
        """Like `ClickHouse 26.9.2.1`."""
        return f"ClickHouse {self._asker.version}"

    async def sweep(self, schema: str) -> list[str]:
        """Drop tables with our mark that are older than an hour; answers their names."""
        limit, swept = Limit(self._seconds), []
        found = await self._asker.within(limit, "sweep", catalog.TABLES, most=CONNECTION_BYTES)
        for name in leftovers(row[1] for row in found if row[0] == schema and row[2] not in catalog.KINDS):
            with suppress(CheckError):  # another session uses it, or the user may not drop it
                await self._asker.within(limit, "sweep", f"DROP TABLE {catalog.quoted(schema)}.{catalog.quoted(name)}")
                swept.append(name)
        return swept

    async def write_and_drop(self, schema: str) -> None:
        """Create, write, read and drop a table. Nothing is transactional here: a cut may leave it to a later sweep."""
        name, token, limit = marked_name(), secrets.token_hex(8), Limit(self._seconds)
        table = f"{catalog.quoted(schema)}.{catalog.quoted(name)}"
        shown = f'"{self._asker.database}"."{schema}"."{name}"'

        async def step(stage: str, failure: str, statement: str) -> list[catalog.Row]:
            try:
                return await self._asker.within(limit, stage, statement, f"{failure} {shown}: ")
            except CheckError as error:
                raise _of_scratch(error) from error

        create = f"CREATE TABLE {table} (token String) ENGINE = MergeTree ORDER BY tuple()"
        await step("create", "Unable to create table", create)
        async with dropped(partial(step, "drop", "Unable to drop table", f"DROP TABLE {table}")):
            await step("write", "Unable to write to table", f"INSERT INTO {table} VALUES ('{token}')")  # noqa: S608 -- ours
            found = await step("read", "Unable to read table", f"SELECT token FROM {table}")  # noqa: S608 -- ours
            require_written(found, [[token]], f"table {shown}")

    async def tables(self, wanted: Globs) -> AsyncIterator[list[Table]]:
        """All tables and views in batches, in the order of their names, by two queries."""
        members, columns = await self._catalog("tables", Limit(self._seconds))
        kept = [row for row in members if wanted.match(row[0], row[1], self._asker.database)]
        for start in range(0, len(kept), BATCH):
            yield [catalog.made(row, columns.get((row[0], row[1]), [])) for row in kept[start : start + BATCH]]

    async def lineage(self, wanted: Globs) -> Lineage:
        """What each view reads, by the query that it is, and fills; then what earlier statements have made."""
        limit = Limit(self._seconds)
        members, columns = await self._catalog("lineage", limit)
        async with limit.round("lineage"):
            with translated("lineage"):  # a server may answer anything
                found = await in_thread(partial(read_lineage, members, columns))
        made, history = await read_history(self._asker, limit, self._seconds, members, found.edges)
        edges = in_order([*made, *found.edges])
        return Lineage(edges=edges, unread=found.unread, history=history).only(wanted, self._asker.database)

    async def query(self, sql: str) -> QueryAnswer:
        """One statement that only reads: the server takes one a request, and `readonly` stops all that writes."""
        refuse_nul(sql)
        async with Limit(self._seconds).round("query"):
            with translated("query"):
                started = time.monotonic()
                try:
                    lines = await self._asker.first_lines(sql, 2)
                except Flood as error:
                    raise too_wide(error) from error
                spent = round((time.monotonic() - started) * 1000, 3)
                value, has_row = _first_value(lines)
                return QueryAnswer(value=value, response_time_ms=spent, has_row=has_row)

    async def _catalog(
        self, stage: str, limit: Limit
    ) -> tuple[list[catalog.Row], dict[catalog.Name, list[catalog.Row]]]:
        members = await self._asker.within(limit, stage, catalog.TABLES, most=CONNECTION_BYTES)
        columns = await self._asker.within(limit, stage, catalog.COLUMNS, most=CONNECTION_BYTES)
        return members, catalog.columns_by_table(columns)


def _first_value(lines: list[bytes]) -> tuple[str | None, bool]:
    """The first value of names and a row, as text, and whether there is a row.

    Raises `Refused` where the server wrote an error instead.
    """
    for line in lines:
        if thrown := THROWN.match(line):
            raise Refused(int(thrown[1]), 200, line.decode(errors="replace"))
    if not lines or not lines[0].strip():
        raise no_rows()
    names, row = (_parts(line) for line in [*lines, b""][:2])
    if names is None:  # the query names a format of its own
        return as_text(lines[0]), True
    if not row:
        return None, False
    raw = row[0]
    return as_text(msgspec.json.decode(raw) if raw[:1] in (b'"', b"n") else raw), True


def _parts(line: bytes) -> list[bytes] | None:
    """The values of a line as JSON has them; what is no UTF-8 in a text, which ClickHouse passes on, is U+FFFD."""
    try:
        found = msgspec.json.decode(line.decode(errors="replace"), type=list[msgspec.Raw])
    except msgspec.DecodeError:
        return None
    return [bytes(value) for value in found]


def _of_scratch(error: CheckError) -> CheckError:
    """Here a database that is not there is the schema, and a user who may only read is no fault of a query."""
    codes = {
        ErrorCode.DATABASE_NOT_FOUND: ErrorCode.SCHEMA_NOT_FOUND,
        ErrorCode.QUERY_NOT_READ_ONLY: ErrorCode.PERMISSION_DENIED,
    }
    return CheckError(codes.get(error.code, error.code), error.message, error.details)
