"""A login's questions to Db2 for Linux, UNIX and Windows, about all schemas."""

from collections.abc import AsyncGenerator
from functools import partial
from typing import ClassVar

from msgspec.structs import replace

from datasources.databases.base import History, Lineage, LineageEdge
from datasources.databases.db2 import catalog
from datasources.databases.db2.asker import Db2Asker, folded
from datasources.databases.db2.texts import REWRITTEN
from datasources.databases.globs import Globs
from datasources.databases.limits import Limit
from datasources.databases.names import literal
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Catalog
from datasources.databases.warehouse.guard import refuse_files
from datasources.databases.warehouse.session import WarehouseSession
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from datasources.network.threads import in_thread

NAMES = """
SELECT tabname FROM syscat.tables
WHERE tabschema = {schema} AND type = 'T' AND SUBSTR(tabname, 1, 16) = 'sourcecheck_tmp_'
"""
SCHEMAS = "SELECT schemaname FROM syscat.schemata WHERE schemaname = {schema}"
STATEMENTS = """
SELECT COUNT(*) FROM TABLE(MON_GET_PKG_CACHE_STMT(NULL, NULL, NULL, -2)) AS cached
WHERE UCASE(SUBSTR(LTRIM(stmt_text), 1, 6)) IN ('INSERT', 'MERGE ') AND UCASE(stmt_text) LIKE '%SELECT%'
"""
KEPT_IN = "MON_GET_PKG_CACHE_STMT (the package cache: recent statements only), whose statements are counted, not read"
NO_HISTORY = "GRANT EXECUTE ON FUNCTION SYSPROC.MON_GET_PKG_CACHE_STMT TO USER …"
ANOTHER = "This is {version}: only the catalogue of Db2 for Linux, UNIX and Windows is read"
SYSTEM = "SYS"
"""Begins the names of Db2's own schemas, and of no others."""


class Db2Session(WarehouseSession):
    """Questions of one login. No dialect is Db2's: texts of views tell of columns where the server's record agrees."""

    dialect = "oracle"
    near = True
    rewritten = REWRITTEN
    text_type: ClassVar[str] = "VARCHAR(64)"

    def __init__(self, asker: Db2Asker, seconds: float) -> None:
        super().__init__(asker, seconds)
        self._db2 = asker

    def place(self, schema: str) -> tuple[str, ...]:
        """The schema as the catalogue writes it."""
        return (folded(schema),)

    def names_in(self, schema: str) -> str:
        """Names with our mark."""
        return NAMES.format(schema=literal(folded(schema)))

    async def require_schema(self, schema: str, limit: Limit) -> None:
        """Db2 would make one that is not there, where the user may do that."""
        name = folded(schema)
        if not await self.ask(limit, "create", SCHEMAS.format(schema=literal(name))):
            raise CheckError(ErrorCode.SCHEMA_NOT_FOUND, f'There is no schema "{name}"', {"stage": "create"})

    async def write_and_drop(self, schema: str) -> None:
        """In one transaction, which is rolled back: a test that is cut off leaves no table."""
        async with self._db2.undone():
            await super().write_and_drop(schema)

    async def catalog(self, limit: Limit, stage: str) -> Catalog:
        """Five statements; Db2's own schemas are left out."""
        if not self._db2.is_luw:
            message = ANOTHER.format(version=self._db2.version)
            raise CheckError(ErrorCode.QUERY_ERROR, message, {"stage": stage})
        rows = {
            name: await self._read(limit, stage, statement)
            for name, statement in {
                "tables": catalog.TABLES,
                "columns": catalog.COLUMNS,
                "views": catalog.VIEWS,
                "keys": catalog.KEYS,
                "references": catalog.REFERENCES,
            }.items()
        }
        async with limit.round(stage):
            return await in_thread(partial(catalog.catalog_of, catalog.Answers(**rows)))

    async def server_edges(self, limit: Limit) -> list[LineageEdge] | None:
        """What views read, by SYSCAT.TABDEP; of Db2's own tables too, which tell that a view is read."""
        return catalog.edges_of(await self._read(limit, "lineage", catalog.DEPENDENCIES))

    async def lineage(self, wanted: Globs) -> Lineage:
        """The same between tables that are shown."""
        found = await super().lineage(wanted)
        return replace(found, edges=[edge for edge in found.edges if not edge.source.schema.startswith(SYSTEM)])

    async def history(self, limit: Limit, catalog: Catalog) -> tuple[list[LineageEdge], History | None]:
        """How many statements there are that fill tables: no parser of ours knows Db2's SQL, so they are unread."""
        rows = await self._read_if_shown(limit, "history", STATEMENTS)
        if rows is None:
            return [], History(read_from=KEPT_IN, missing=NO_HISTORY)
        ((count,),) = rows
        return [], History(read_from=KEPT_IN, statements=int(count), unread=int(count))

    def require_reading(self, sql: str) -> None:
        """One statement that reads, and no file of the server's (security row 6)."""
        super().require_reading(sql)
        refuse_files(sql)

    def asked_pages(self, sql: str) -> AsyncGenerator[list[Row], None]:
        """In a transaction that is rolled back: Db2 has none that only reads."""
        return self._db2.reading_pages(sql.rstrip().removesuffix(";"))
