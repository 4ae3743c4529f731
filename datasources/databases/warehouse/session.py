"""A session over a product's own statements: the table for a moment, the catalogue, the lineage, the test query."""

import secrets
import time
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Set
from contextlib import AbstractContextManager, aclosing, suppress
from functools import partial
from typing import ClassVar

from datasources.databases.base import History, Identity, Lineage, LineageEdge, QueryAnswer, Session, Table, in_order
from datasources.databases.flood import CONNECTION_BYTES, Flood
from datasources.databases.globs import Globs
from datasources.databases.limits import Limit
from datasources.databases.scratch import dropped, leftovers, marked_name, require_written
from datasources.databases.values import answer_of, no_rows, too_wide
from datasources.databases.warehouse.asker import Asker, Row
from datasources.databases.warehouse.catalog import Catalog, Rewriting
from datasources.databases.warehouse.errors import translated
from datasources.databases.warehouse.guard import require_reading
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from datasources.network.threads import in_thread

BATCH = 500
"""Tables handed on at a time."""
IN_SCRATCH = {
    ErrorCode.DATABASE_NOT_FOUND: ErrorCode.SCHEMA_NOT_FOUND,
    ErrorCode.QUERY_NOT_READ_ONLY: ErrorCode.PERMISSION_DENIED,
}
"""What a code means where the statement is ours, and the name the source's."""
HIDDEN = frozenset({ErrorCode.PERMISSION_DENIED, ErrorCode.QUERY_ERROR})
"""How a system view, or a column of it, is refused that this user or this release has not."""


class WarehouseSession(Session):
    """Questions to one login. Each takes `seconds` at most, whatever the server does."""

    dialect: ClassVar[str]
    """sqlglot's word for the product's SQL, or for the nearest to it that sqlglot knows."""
    near: ClassVar[bool] = False
    """Whether `dialect` is another product's: a view's text is believed only where the server's own record agrees."""
    rewritten: ClassVar[Rewriting] = ()
    """What of the product's own syntax is written otherwise before a view's text is parsed as `dialect`."""
    folded: ClassVar[bool] = True
    """Whether names that differ only in case are the same."""
    names_others: ClassVar[bool] = False
    """Whether the text of a view may name tables of other databases, which are not read."""
    quote: ClassVar[str] = '"'
    text_type: ClassVar[str] = "varchar"
    hidden: ClassVar[Set[ErrorCode]] = HIDDEN
    """How this product refuses what `_read_if_shown` may leave out."""

    def __init__(self, asker: Asker, seconds: float) -> None:
        self._asker = asker
        self._seconds = seconds

    @abstractmethod
    async def catalog(self, limit: Limit, stage: str) -> Catalog:
        """All that the user may see, by a constant number of statements."""

    def names_in(self, schema: str) -> str:
        """The statement that answers the names of our marked tables in a schema."""
        raise NotImplementedError

    async def marked_in(self, schema: str, limit: Limit) -> list[str]:
        """The names of our marked tables in a schema, and perhaps others."""
        return [str(row[0]) for row in await self.ask(limit, "sweep", self.names_in(schema))]

    def scratch(self, schema: str, name: str, token: str) -> dict[str, str]:
        """The statements that create, write, read and drop the table of a test."""
        table = self.quoted(*self.place(schema), name)
        return {
            "create": f"CREATE TABLE {table} (token {self.text_type})",
            "write": f"INSERT INTO {table} VALUES ('{token}')",  # noqa: S608 -- ours
            "read": f"SELECT token FROM {table}",  # noqa: S608 -- ours
            "drop": f"DROP TABLE {table}",
        }

    async def server_edges(self, limit: Limit) -> list[LineageEdge] | None:
        """What the server itself knows of what views read; None where it keeps no record."""
        return None

    async def history(self, limit: Limit, catalog: Catalog) -> tuple[list[LineageEdge], History | None]:
        """What statements of before have made from what, and where that was read, or what is missing for it."""
        return [], None

    async def require_schema(self, schema: str, limit: Limit) -> None:
        """Raise `CheckError` for a schema that is not there, where the server's own refusal would not tell."""

    def place(self, schema: str) -> tuple[str, ...]:
        """What stands before a table's name."""
        return (schema,)

    def quoted(self, *names: str) -> str:
        """Names as identifiers, with dots between them."""
        return ".".join(self.quote + name.replace(self.quote, self.quote * 2) + self.quote for name in names)

    async def identity(self) -> Identity:
        """The user that the server took us for, and whether TLS is on."""
        asker = self._asker
        return Identity(
            user=asker.user,
            database=asker.database,
            address=asker.address,
            tls=asker.tls,
            tls_version=asker.tls_version,
            tls_verified=asker.tls_verified if asker.tls else None,
            stages_ms=asker.stages_ms,
        )

    async def version(self) -> str:
        """Product and version."""
        return self._asker.version

    async def sweep(self, schema: str) -> list[str]:
        """Drop tables with our mark that are older than an hour; answers their names."""
        limit, swept = Limit(self._seconds), []
        for name in leftovers(await self.marked_in(schema, limit)):
            with suppress(CheckError):  # another session uses it, or the user may not drop it
                await self.ask(limit, "sweep", self.scratch(schema, name, "")["drop"])
                swept.append(name)
        return swept

    async def write_and_drop(self, schema: str) -> None:
        """Create, write, read and drop a table. Nothing is transactional here: a cut may leave it to a later sweep."""
        limit, name, token = Limit(self._seconds), marked_name(), secrets.token_hex(8)
        await self.require_schema(schema, limit)
        statements = self.scratch(schema, name, token)
        shown = f'"{self._asker.database}"."{schema}"."{name}"'

        async def step(stage: str, failure: str) -> list[Row]:
            try:
                return await self.ask(limit, stage, statements[stage], f"Unable to {failure} {shown}: ")
            except CheckError as error:
                code = IN_SCRATCH.get(error.code, error.code)
                raise CheckError(code, error.message, error.details, error.advice) from error

        await step("create", "create table")
        async with dropped(partial(step, "drop", "drop table")):
            await step("write", "write to table")
            found = await step("read", "read table")
            require_written([list(row) for row in found], [[token]], f"table {shown}")

    async def tables(self, wanted: Globs) -> AsyncIterator[list[Table]]:
        """All tables and views in batches, in the order of their names."""
        limit = Limit(self._seconds)
        catalog = await self.catalog(limit, "tables")
        kept = [member for member in catalog.members if wanted.match(member.schema, member.name, self._asker.database)]
        for start in range(0, len(kept), BATCH):
            yield [catalog.table(member) for member in kept[start : start + BATCH]]

    async def lineage(self, wanted: Globs) -> Lineage:
        """What is made from what: by the server's own records and definitions of views, then by its history."""
        limit = Limit(self._seconds)
        catalog = await self.catalog(limit, "lineage")
        known = await self.server_edges(limit)
        async with limit.round("lineage"):
            here = self._asker.database if self.names_others else ""
            read = await in_thread(
                partial(
                    catalog.view_lineage,
                    self.dialect,
                    folded=self.folded,
                    database=here,
                    recorded=known,
                    near=self.near,
                    rewritten=self.rewritten,
                )
            )
        made, history = await self.history(limit, catalog)
        found = Lineage(
            edges=in_order([*made, *(known or []), *read.edges]),
            unread=read.unread,
            columns_unread=read.columns_unread,
            history=history,
        )
        return found.only(wanted, self._asker.database)

    async def query(self, sql: str) -> QueryAnswer:
        """The first value of one statement that only reads; of its answer, one page is read."""
        self.require_reading(sql)
        async with Limit(self._seconds).round("query"):
            with translated("query"):
                return await self._first(sql)

    def require_reading(self, sql: str) -> None:
        """Raise `CheckError` for a text that is not sent as a test query."""
        require_reading(sql)

    async def _first(self, sql: str) -> QueryAnswer:
        started = time.monotonic()
        try:
            async with aclosing(self.asked_pages(sql)) as pages:
                async for page in pages:
                    return answer_of(page[0] if page else None, started)
        except Flood as error:
            raise too_wide(error) from error
        raise no_rows()

    def asked_pages(self, sql: str) -> AsyncGenerator[list[Row], None]:
        """The pages of a test query, as a session that cannot write where the product has such."""
        return self._asker.pages(sql)

    async def ask(self, limit: Limit, stage: str, statement: str, prefix: str = "", *, most: int = 0) -> list[Row]:
        """All rows of a statement of ours. Raises `CheckError`."""
        more = {"most": most} if most else {}
        async with limit.round(stage):
            with self._translated(stage, prefix):
                return await self._asker.rows(statement, **more)

    async def _read(self, limit: Limit, stage: str, statement: str) -> list[Row]:
        """All rows of a statement about the catalogue, which may be large."""
        return await self.ask(limit, stage, statement, most=CONNECTION_BYTES)

    async def _read_if_shown(self, limit: Limit, stage: str, statement: str) -> list[Row] | None:
        """The same; None where the server refuses it as it does with what is `hidden`."""
        try:
            return await self._read(limit, stage, statement)
        except CheckError as error:
            if error.code not in self.hidden:
                raise
            return None

    def _translated(self, stage: str, prefix: str = "") -> AbstractContextManager[None]:
        return translated(stage, prefix)
