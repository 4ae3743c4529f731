"""A login's questions to Oracle, about every schema that it may see."""

import re
from collections.abc import AsyncGenerator
from functools import partial
from typing import ClassVar

from datasources.databases.base import History, LineageEdge
from datasources.databases.history.apart import history_of_texts
from datasources.databases.history.edges import MOST_STATEMENTS, FoldedNames, Written
from datasources.databases.limits import Limit
from datasources.databases.names import literal
from datasources.databases.oracle import catalog
from datasources.databases.oracle.asker import OracleAsker
from datasources.databases.values import no_reading
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Catalog
from datasources.databases.warehouse.guard import refuse_files
from datasources.databases.warehouse.session import WarehouseSession
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from datasources.network.threads import in_thread

STATEMENTS = f"""
SELECT sql_fulltext, parsing_schema_name FROM v$sql
WHERE command_type IN (1, 2, 6, 189)
AND parsing_schema_name NOT IN (SELECT username FROM all_users WHERE oracle_maintained = 'Y')
ORDER BY last_active_time DESC FETCH FIRST {MOST_STATEMENTS} ROWS ONLY
"""  # noqa: S608 -- put together from constants
"""CREATE TABLE, INSERT, UPDATE, MERGE."""
KEPT_IN = "V$SQL (the shared pool's memory: recent statements only)"
NO_HISTORY = "GRANT SELECT ON SYS.V_$SQL TO …, by SYS"
NAMES = """
SELECT table_name FROM all_tables WHERE owner = {schema} AND SUBSTR(table_name, 1, 16) = 'sourcecheck_tmp_'
"""
SCHEMAS = "SELECT username FROM all_users WHERE username = {schema}"
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
INLINE = re.compile(r"\bexternal\s*\(", re.IGNORECASE)
"""An external table within a query; elsewhere the word is a name."""
QUERY = re.compile(r"[\s(]*(?:select|with)\b", re.IGNORECASE)


class OracleSession(WarehouseSession):
    """Questions of one login. A schema is a user; a name in lower case is what Oracle makes of it without quotes."""

    dialect = "oracle"
    text_type: ClassVar[str] = "VARCHAR2(64)"

    def __init__(self, asker: OracleAsker, seconds: float) -> None:
        super().__init__(asker, seconds)
        self._oracle = asker

    def place(self, schema: str) -> tuple[str, ...]:
        """The schema as the catalogue writes it."""
        return (schema.upper() if schema.islower() else schema,)

    def names_in(self, schema: str) -> str:
        """Names with our mark."""
        return NAMES.format(schema=literal(*self.place(schema)))

    def scratch(self, schema: str, name: str, token: str) -> dict[str, str]:
        """The table is dropped past the recycle bin."""
        made = super().scratch(schema, name, token)
        return made | {"drop": f"{made['drop']} PURGE"}

    async def require_schema(self, schema: str, limit: Limit) -> None:
        """Without the right to create tables elsewhere, Oracle does not tell a missing schema from another one."""
        (name,) = self.place(schema)
        if not await self.ask(limit, "create", SCHEMAS.format(schema=literal(name))):
            message = f'There is no user, and so no schema, "{name}"'
            raise CheckError(ErrorCode.SCHEMA_NOT_FOUND, message, {"stage": "create"})

    async def catalog(self, limit: Limit, stage: str) -> Catalog:
        """Seven statements; Oracle's own schemas are left out."""
        rows = {
            name: await self._read(limit, stage, statement)
            for name, statement in {
                "tables": catalog.TABLES,
                "views": catalog.VIEWS,
                "materialized": catalog.MATERIALIZED,
                "columns": catalog.COLUMNS,
                "comments": catalog.COMMENTS,
                "constraints": catalog.CONSTRAINTS,
                "key_columns": catalog.KEY_COLUMNS,
            }.items()
        }
        async with limit.round(stage):
            return await in_thread(partial(catalog.catalog_of, catalog.Answers(**rows)))

    async def server_edges(self, limit: Limit) -> list[LineageEdge] | None:
        """What views read, by ALL_DEPENDENCIES."""
        return catalog.edges_of(await self._read(limit, "lineage", catalog.DEPENDENCIES))

    async def history(self, limit: Limit, catalog: Catalog) -> tuple[list[LineageEdge], History | None]:
        """What recent statements have written from what. DBA_HIST_SQLTEXT is left alone: reading it takes a licence."""
        rows = await self._read_if_shown(limit, "history", STATEMENTS)
        if rows is None:
            return [], History(read_from=KEPT_IN, missing=NO_HISTORY)
        written = [Written(str(text or ""), str(schema or "")) for text, schema in rows]
        return await history_of_texts(written, FoldedNames(catalog.columns, ""), self.dialect, limit, KEPT_IN)

    def require_reading(self, sql: str) -> None:
        """A query: EXPLAIN PLAN writes, and what else reads elsewhere is none of Oracle's."""
        super().require_reading(sql)
        if not QUERY.match(COMMENT.sub(" ", sql)):
            raise no_reading(": SELECT, or WITH")
        refuse_files(sql, INLINE)

    def asked_pages(self, sql: str) -> AsyncGenerator[list[Row], None]:
        """In a read-only transaction (security row 6); Oracle takes no semicolon at the end."""
        return self._oracle.reading_pages(sql.rstrip().removesuffix(";"))
