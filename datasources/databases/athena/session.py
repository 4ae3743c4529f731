"""An access key's questions to Athena; the catalogue is asked of Glue, without a query."""

import base64
import re
from typing import Any

import msgspec

from datasources.databases.athena.asker import WORKGROUP, AthenaAsker
from datasources.databases.athena.model import AthenaOptions
from datasources.databases.base import Column, History, LineageEdge
from datasources.databases.flood import CONNECTION_BYTES
from datasources.databases.history.apart import history_of_texts
from datasources.databases.history.edges import FoldedNames, Written
from datasources.databases.limits import Limit
from datasources.databases.warehouse.catalog import Catalog, Member
from datasources.databases.warehouse.errors import translated
from datasources.databases.warehouse.session import WarehouseSession
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

KINDS = {"VIRTUAL_VIEW": "view", "EXTERNAL_TABLE": "table", "MANAGED_TABLE": "table", "GOVERNED": "table"}
STORED = re.compile(r"/\* Presto View: ([A-Za-z0-9+/=\s]+)\*/")
"""How a view of Athena's lies in Glue: JSON, in base64, in a comment."""
HISTORY_PAGES, HISTORY_PAGE = 10, 50
KEPT_IN = f"ListQueryExecutions of the workgroup {WORKGROUP} (45 days; the latest {HISTORY_PAGES * HISTORY_PAGE})"
NO_HISTORY = "allow athena:ListQueryExecutions and athena:BatchGetQueryExecution on the workgroup"
WRITES = ("CREATE_TABLE_AS_SELECT", "INSERT", "MERGE")


class AthenaSession(WarehouseSession):
    """Questions of one key. A schema is a database of the catalog."""

    dialect = "athena"

    def __init__(self, asker: AthenaAsker, seconds: float, options: AthenaOptions) -> None:
        super().__init__(asker, seconds)
        self._athena = asker
        self._options = options

    def scratch(self, schema: str, name: str, token: str) -> dict[str, str]:
        """An Iceberg table, for Athena removes its data with it; DDL has names in backticks, and queries do not."""
        defined = ".".join("`" + part.replace("`", "``") + "`" for part in (schema, name))
        place = f"{self._options.s3_staging_dir.rstrip('/')}/{name}/"
        iceberg = "TBLPROPERTIES ('table_type' = 'ICEBERG')"
        return super().scratch(schema, name, token) | {
            "create": f"CREATE TABLE {defined} (token string) LOCATION '{place}' {iceberg}",
            "drop": f"DROP TABLE {defined}",
        }

    async def marked_in(self, schema: str, limit: Limit) -> list[str]:
        """By the catalog."""
        return [str(table["Name"]) for table in await self._tables(limit, "sweep", schema, "sourcecheck_tmp_.*")]

    async def require_schema(self, schema: str, limit: Limit) -> None:
        """A database that the catalog does not have."""
        if schema not in await self._databases(limit, "create"):
            message = f'Database "{schema}" does not exist, or the key may not see it'
            raise CheckError(ErrorCode.SCHEMA_NOT_FOUND, message, {"stage": "create"})

    async def catalog(self, limit: Limit, stage: str) -> Catalog:
        """Every database, and the tables of each, by pages of a hundred."""
        found = Catalog(members=[], columns={})
        for database in await self._databases(limit, stage):
            for table in await self._tables(limit, stage, database):
                storage = table.get("StorageDescriptor") or {}
                columns = [*(storage.get("Columns") or table.get("Columns") or []), *(table.get("PartitionKeys") or [])]
                kind = KINDS.get(str(table.get("TableType")), "table")
                parameters = table.get("Parameters") or {}
                found.members.append(
                    Member(
                        schema=database,
                        name=table["Name"],
                        kind=kind,
                        comment=table.get("Description") or parameters.get("comment"),
                        rows=_count(parameters),
                        definition=view_text(table.get("ViewOriginalText") or "") if kind == "view" else None,
                    )
                )
                found.columns[database, table["Name"]] = [
                    Column(name=column["Name"], type=column.get("Type", ""), comment=column.get("Comment") or None)
                    for column in columns
                ]
        return found

    async def history(self, limit: Limit, catalog: Catalog) -> tuple[list[LineageEdge], History | None]:
        """The texts of the latest queries that made one table from others."""
        try:
            queries = await self._queries(limit)
        except CheckError as error:
            if error.code is not ErrorCode.PERMISSION_DENIED:
                raise
            return [], History(read_from=KEPT_IN, missing=NO_HISTORY)
        written = [
            Written(query["Query"], (query.get("QueryExecutionContext") or {}).get("Database", ""))
            for query in queries
            if query.get("SubstatementType") in WRITES and query.get("Status", {}).get("State") == "SUCCEEDED"
        ]
        names = FoldedNames(catalog.columns, self._options.catalog)
        return await history_of_texts(written, names, self.dialect, limit, KEPT_IN)

    async def _queries(self, limit: Limit) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        for _ in range(HISTORY_PAGES):
            asked = {"WorkGroup": WORKGROUP, "MaxResults": HISTORY_PAGE} | more
            page = await self._call(limit, "history", "athena", "ListQueryExecutions", asked)
            if ids := page.get("QueryExecutionIds"):
                asked = {"QueryExecutionIds": ids}
                answer = await self._call(limit, "history", "athena", "BatchGetQueryExecution", asked)
                found += answer.get("QueryExecutions") or []
            if not page.get("NextToken"):
                break
            more = {"NextToken": page["NextToken"]}
        return found

    async def _databases(self, limit: Limit, stage: str) -> list[str]:
        service, key = ("glue", {}) if self._athena.of_glue else ("athena", {"CatalogName": self._options.catalog})
        action = "GetDatabases" if self._athena.of_glue else "ListDatabases"
        pages = await self._all(limit, stage, service, action, key)
        return sorted(str(each["Name"]) for page in pages for each in page.get("DatabaseList") or [])

    async def _tables(self, limit: Limit, stage: str, database: str, only: str | None = None) -> list[dict[str, Any]]:
        if self._athena.of_glue:
            asked = {"DatabaseName": database} | ({"Expression": only} if only else {})
            pages = await self._all(limit, stage, "glue", "GetTables", asked)
            found = [each for page in pages for each in page.get("TableList") or []]
        else:
            asked = {"CatalogName": self._options.catalog, "DatabaseName": database}
            pages = await self._all(limit, stage, "athena", "ListTableMetadata", asked)
            found = [each for page in pages for each in page.get("TableMetadataList") or []]
        return sorted(found, key=lambda table: str(table["Name"]))

    async def _all(
        self, limit: Limit, stage: str, service: str, action: str, asked: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Every page of a list."""
        found = []
        while True:
            page = await self._call(limit, stage, service, action, asked)
            found.append(page)
            if not page.get("NextToken"):
                return found
            asked = asked | {"NextToken": page["NextToken"]}

    async def _call(self, limit: Limit, stage: str, service: str, action: str, asked: dict[str, Any]) -> dict[str, Any]:
        async with limit.round(stage):
            with translated(stage):
                return await self._athena.call(service, action, asked, CONNECTION_BYTES)


def view_text(stored: str) -> str | None:
    """The query of a view as Glue keeps it; None for what is not understood."""
    found = STORED.search(stored)
    if found is None:
        return stored or None
    try:
        text = msgspec.json.decode(base64.b64decode(found[1]), type=dict[str, Any]).get("originalSql")
    except ValueError:
        return None
    return str(text) if text else None


def _count(parameters: dict[str, Any]) -> int | None:
    """What a crawler or Hive has counted."""
    text = str(parameters.get("recordCount") or parameters.get("numRows") or "")
    return int(text) if text.isdecimal() else None
