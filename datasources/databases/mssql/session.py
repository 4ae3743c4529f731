"""A login's questions to SQL Server and its relatives, about one database."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any, ClassVar

from datasources.databases.base import Column, History, LineageEdge, Origin
from datasources.databases.history.apart import history_of_texts
from datasources.databases.history.edges import FoldedNames, Written
from datasources.databases.limits import Limit
from datasources.databases.mssql import guard, queries
from datasources.databases.mssql.asker import MssqlAsker
from datasources.databases.mssql.products import DEDICATED
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Catalog, Member, by_table
from datasources.databases.warehouse.records import edges_between, foreign_of, primary_of
from datasources.databases.warehouse.session import WarehouseSession
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

BEGIN = "BEGIN TRANSACTION"
ROLLBACK = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION"
STORE_OFF = "ALTER DATABASE {database} SET QUERY_STORE = ON (OPERATION_MODE = READ_WRITE)"
PARAMETERS = re.compile(r"\A\s*\(@[^()]*(?:\([^()]*\)[^()]*)*\)")
"""What the server keeps before the text of a statement that has any."""
WITH_LENGTH = frozenset({"varchar", "char", "varbinary", "binary"})
WIDE = frozenset({"nvarchar", "nchar"})
"""Two bytes a character."""
WITH_SCALE = frozenset({"datetime2", "datetimeoffset", "time"})
EXACT = frozenset({"decimal", "numeric"})


class MssqlSession(WarehouseSession):
    """Questions to one database. What differs goes by the engine that answers, and not by the type of the source."""

    dialect = "tsql"
    names_others = True
    text_type: ClassVar[str] = "varchar(64)"

    def __init__(self, asker: MssqlAsker, seconds: float, *, fabric: bool) -> None:
        super().__init__(asker, seconds)
        self._product = asker.product
        self._fabric = fabric

    def quoted(self, *names: str) -> str:
        """Names in brackets, which hold whatever the session is set to."""
        return ".".join("[" + name.replace("]", "]]") + "]" for name in names)

    def names_in(self, schema: str) -> str:
        """Names with our mark."""
        return queries.NAMES.format(schema=literal(schema))

    async def write_and_drop(self, schema: str) -> None:
        """As all have it, in a transaction that is rolled back where DDL can be: a cut leaves no table then."""
        try:
            if not self._product.is_classic:
                await super().write_and_drop(schema)
                return
            await self.ask(Limit(self._seconds), "create", BEGIN)
            try:
                await super().write_and_drop(schema)
            finally:
                with suppress(CheckError):
                    await self.ask(Limit(self._seconds), "drop", ROLLBACK)
        except CheckError as error:
            if error.code is not ErrorCode.PERMISSION_DENIED:
                raise
            advice = (
                f"GRANT CREATE TABLE TO {self._user}; "
                f"GRANT ALTER, SELECT, INSERT ON SCHEMA::{self.quoted(schema)} TO {self._user}."
            )
            raise CheckError(error.code, error.message, error.details, advice) from error

    @property
    def _user(self) -> str:
        return self.quoted(self._asker.user or "")

    async def catalog(self, limit: Limit, stage: str) -> Catalog:
        """Four statements, whatever the number of tables."""
        classic = self._product.is_classic
        members, columns, primary, foreign = [
            await self._read(limit, stage, statement)
            for statement in (
                queries.CLASSIC_MEMBERS if classic else queries.PLAIN_MEMBERS,
                queries.CLASSIC_COLUMNS if classic else queries.PLAIN_COLUMNS,
                queries.PRIMARY,
                queries.FOREIGN,
            )
        ]
        return Catalog(
            members=[member_of(row) for row in members],
            columns=by_table((row[0], row[1], column_of(row)) for row in columns),
            primary=primary_of(primary),
            foreign=foreign_of(foreign),
        )

    async def server_edges(self, limit: Limit) -> list[LineageEdge] | None:
        """What views read, as the server records it; None where the user may not read that."""
        rows = await self._read_if_shown(limit, "lineage", queries.DEPENDENCIES)
        return None if rows is None else edges_between(rows, Origin.dependency_record)

    async def history(self, limit: Limit, catalog: Catalog) -> tuple[list[LineageEdge], History | None]:
        """What the statements that the server has kept have made from what."""
        log = self._log()
        try:
            if log is queries.QUERY_STORE and not await self._stores_queries(limit):
                missing = STORE_OFF.format(database=self.quoted(self._asker.database))
                return [], History(read_from=log.read_from, missing=missing, kept=False)
            rows = await self._read(limit, "history", log.statement)
        except CheckError as error:
            if error.code not in self.hidden:
                raise
            return [], History(read_from=log.read_from, missing=log.missing.format(user=self._user))
        written = [Written(PARAMETERS.sub("", str(text), count=1), str(schema)) for text, schema in rows if text]
        names = FoldedNames(catalog.columns, self._asker.database)
        return await history_of_texts(written, names, self.dialect, limit, log.read_from)

    async def _stores_queries(self, limit: Limit) -> bool:
        return await self._read(limit, "history", queries.QUERY_STORE_STATE) not in ([], [[0]])

    def _log(self) -> queries.Log:
        if self._product.is_classic:
            return queries.QUERY_STORE
        if self._fabric:
            return queries.FABRIC
        return queries.DEDICATED_POOL if self._product.edition == DEDICATED else queries.SERVERLESS_POOL

    def require_reading(self, sql: str) -> None:
        """One statement that reads, by SQL Server's own rules of where a statement ends (security row 6)."""
        guard.require_reading(sql)

    def asked_pages(self, sql: str) -> AsyncGenerator[list[Row], None]:
        """In a transaction that is rolled back, where there are any: no session of SQL Server's is read-only."""
        return self._rolled_back(sql) if self._product.is_classic else super().asked_pages(sql)

    async def _rolled_back(self, sql: str) -> AsyncGenerator[list[Row], None]:
        await self._asker.rows(BEGIN)
        try:
            async with aclosing(self._asker.pages(sql)) as pages:
                async for page in pages:
                    yield page
        finally:
            with suppress(Exception):  # a connection that is lost rolls back by itself
                await self._asker.rows(ROLLBACK)


def literal(text: str) -> str:
    """A text as a constant."""
    return "N'" + text.replace("'", "''") + "'"


def member_of(row: Row) -> Member:
    """Schema, name, type, clustered index, comment, rows, definition. A view with an index keeps what it has found."""
    schema, name, kind, index, comment, rows, definition = row
    view = str(kind).strip() == "V"
    return Member(
        schema=schema,
        name=name,
        kind=("materialized view" if index is not None else "view") if view else "table",
        comment=comment or None,
        rows=None if view or rows is None else int(rows),
        definition=definition if view else None,
    )


def column_of(row: Row) -> Column:
    """Schema, table, name, type, length, precision, scale, nullable, default, comment."""
    _, _, name, word, length, precision, scale, nullable, default, comment = row
    return Column(
        name=name,
        type=type_of(word, length, precision, scale),
        nullable=bool(nullable),
        default=default or None,
        comment=comment or None,
    )


def type_of(word: str, length: Any, precision: Any, scale: Any) -> str:
    """As it is written in a statement: `nvarchar(50)`, `decimal(10,2)`, `datetime2(7)`."""
    if word in WITH_LENGTH | WIDE:
        size = int(length) // (2 if word in WIDE else 1)
        return f"{word}({'max' if int(length) < 0 else size})"
    if word in EXACT:
        return f"{word}({int(precision)},{int(scale)})"
    return f"{word}({int(scale)})" if word in WITH_SCALE else word
