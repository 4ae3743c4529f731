"""A user's questions to Trino, about one catalog or several."""

from collections.abc import AsyncGenerator

from datasources.databases.base import Column, History, LineageEdge
from datasources.databases.history.apart import history_of_texts
from datasources.databases.history.edges import MOST_STATEMENTS, FoldedNames, Written
from datasources.databases.limits import Limit
from datasources.databases.names import literal
from datasources.databases.trino.asker import TrinoAsker
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Catalog, Member, by_table
from datasources.databases.warehouse.session import WarehouseSession
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

WITHOUT = ("system", "jmx")
"""Catalogs of the coordinator's own."""
CATALOGS = "SELECT catalog_name FROM system.metadata.catalogs ORDER BY catalog_name"
MEMBERS = """
SELECT table_schema, table_name, table_type FROM {information}.tables
WHERE table_schema <> 'information_schema' ORDER BY table_schema, table_name
"""
COLUMNS = """
SELECT table_schema, table_name, column_name, data_type, is_nullable, comment, column_default FROM {information}.columns
WHERE table_schema <> 'information_schema' ORDER BY table_schema, table_name, ordinal_position
"""
VIEWS = """
SELECT table_schema, table_name, view_definition FROM {information}.views WHERE table_schema <> 'information_schema'
"""
NAMES = """
SELECT table_name FROM {information}.tables WHERE table_schema = {schema} AND table_type = 'BASE TABLE'
AND table_name LIKE 'sourcecheck\\_tmp\\_%' ESCAPE '\\'
"""
COMMENTS = "SELECT catalog_name, schema_name, table_name, comment FROM system.metadata.table_comments WHERE {names}"
QUERIES = f"""
SELECT query FROM system.runtime.queries WHERE state = 'FINISHED' AND error_code IS NULL
AND regexp_like(query, '(?i)^\\s*(insert|create\\s+(or\\s+replace\\s+)?table|merge|update)\\b')
ORDER BY created DESC LIMIT {MOST_STATEMENTS}
"""  # noqa: S608 -- put together from constants
KEPT_IN = "system.runtime.queries (the coordinator's memory: recent queries only)"
NO_HISTORY = "allow the user to see others' queries: a rule `queries` with `view` in the coordinator's access control"


class TrinoSession(WarehouseSession):
    """Questions to one coordinator. A schema is `catalog.schema` where no catalog is named."""

    dialect = "trino"

    def __init__(self, asker: TrinoAsker, seconds: float, catalog: str | None) -> None:
        super().__init__(asker, seconds)
        self._trino = asker
        self._catalog = catalog

    def place(self, schema: str) -> tuple[str, ...]:
        """The catalog, and the schema in it."""
        return (self._catalog, schema) if self._catalog else tuple(schema.partition(".")[::2])

    def names_in(self, schema: str) -> str:
        """Names with our mark."""
        catalog, name = self.place(schema)
        return NAMES.format(information=f"{self.quoted(catalog)}.information_schema", schema=literal(name))

    async def catalog(self, limit: Limit, stage: str) -> Catalog:
        """Three statements a catalog, and one about comments, whatever the number of tables."""
        names = [self._catalog] if self._catalog else await self._catalogs(limit, stage)
        found = Catalog(members=[], columns={})
        for name in names:
            try:
                await self._add(found, name, limit, stage)
            except CheckError as error:
                if self._catalog or error.code is ErrorCode.TIMEOUT:
                    raise  # a catalog among others may be away
        return found

    async def _catalogs(self, limit: Limit, stage: str) -> list[str]:
        return [str(row[0]) for row in await self.ask(limit, stage, CATALOGS) if row[0] not in WITHOUT]

    async def _add(self, found: Catalog, name: str, limit: Limit, stage: str) -> None:
        """What one catalog has."""
        information = f"{self.quoted(name)}.information_schema"
        members, columns, views = [
            await self._read(limit, stage, statement.format(information=information))
            for statement in (MEMBERS, COLUMNS, VIEWS)
        ]
        said = await self._comments(limit, stage, name)
        definitions = {(row[0], row[1]): row[2] for row in views}
        prefix = "" if self._catalog else f"{name}."
        for schema, table, kind in members:
            view = kind == "VIEW" or (schema, table) in definitions
            found.members.append(
                Member(
                    schema=prefix + schema,
                    name=table,
                    kind="view" if view else "table",
                    comment=said.get((schema, table)),
                    definition=definitions.get((schema, table)),
                )
            )
        found.columns |= by_table(
            (
                prefix + schema,
                table,
                Column(name=column, type=type_, nullable=null != "NO", default=default, comment=comment or None),
            )
            for schema, table, column, type_, null, comment, default in columns
        )

    async def _comments(self, limit: Limit, stage: str, catalog: str) -> dict[tuple[str, str], str]:
        """Comments on tables: the server asks each connector, and one that fails has none."""
        rows = await self._read_if_shown(limit, stage, COMMENTS.format(names=f"catalog_name = {literal(catalog)}"))
        return {(row[1], row[2]): row[3] for row in rows or () if row[3]}

    async def history(self, limit: Limit, catalog: Catalog) -> tuple[list[LineageEdge], History | None]:
        """The queries that the coordinator still remembers, and that the user may see."""
        try:
            rows = await self._read(limit, "history", QUERIES)
        except CheckError as error:
            if error.code is not ErrorCode.PERMISSION_DENIED:
                raise
            return [], History(read_from=KEPT_IN, missing=NO_HISTORY)
        written = [Written(str(row[0])) for row in rows]
        names = FoldedNames(catalog.columns, self._catalog or "")
        return await history_of_texts(written, names, self.dialect, limit, KEPT_IN)

    def asked_pages(self, sql: str) -> AsyncGenerator[list[Row], None]:
        """In a read-only transaction (security row 6)."""
        return self._reading(sql)

    async def _reading(self, sql: str) -> AsyncGenerator[list[Row], None]:
        await self._trino.begin_reading()
        async for page in self._trino.pages(sql):
            yield page
