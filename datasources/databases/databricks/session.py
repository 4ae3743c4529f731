"""Runs the checks' statements in one catalog of Unity Catalog, or in `hive_metastore`."""

from collections.abc import AsyncGenerator

from datasources.databases.base import Column, ColumnEdge, ForeignKey, History, LineageEdge, Origin, TableName
from datasources.databases.databricks import hive
from datasources.databases.databricks.asker import DatabricksAsker
from datasources.databases.flood import CONNECTION_BYTES
from datasources.databases.limits import Limit
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Catalog, Member, Name, by_table
from datasources.databases.warehouse.records import edges_by_columns
from datasources.databases.warehouse.session import WarehouseSession
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

DAYS = 30
ROWS = 50_000
"""Rows per statement: an inline answer has 25 MiB at most."""
KINDS = {
    "VIEW": "view",
    "MATERIALIZED_VIEW": "materialized view",
    "STREAMING_TABLE": "streaming table",
    "FOREIGN": "foreign table",
}
MEMBERS = """
SELECT table_schema, table_name, table_type, comment FROM {information}.tables
WHERE table_schema <> 'information_schema' ORDER BY table_schema, table_name
"""
COLUMNS = """
SELECT table_schema, table_name, column_name, full_data_type, is_nullable, column_default, comment
FROM {information}.columns WHERE table_schema <> 'information_schema'
ORDER BY table_schema, table_name, ordinal_position
"""
VIEWS = """
SELECT table_schema, table_name, view_definition FROM {information}.views
WHERE table_schema <> 'information_schema' ORDER BY table_schema, table_name
"""
KEYS = """
SELECT k.table_schema, k.table_name, k.constraint_name, t.constraint_type, k.column_name, k.ordinal_position,
       r.unique_constraint_schema, r.unique_constraint_name
FROM {information}.key_column_usage AS k
JOIN {information}.table_constraints AS t
  ON t.constraint_schema = k.constraint_schema AND t.constraint_name = k.constraint_name
LEFT JOIN {information}.referential_constraints AS r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
ORDER BY k.table_schema, k.table_name, k.constraint_name, k.ordinal_position
"""
NAMES = """
SELECT table_name FROM {information}.tables
WHERE table_schema = {schema} AND startswith(table_name, 'sourcecheck_tmp_') AND table_type IN ('MANAGED', 'EXTERNAL')
"""
LINEAGE = """
SELECT DISTINCT source_table_schema, source_table_name, source_column_name,
       target_table_schema, target_table_name, target_column_name
FROM system.access.column_lineage
WHERE event_date > date_sub(current_date(), {days})
  AND source_table_catalog = {catalog} AND target_table_catalog = {catalog}
  AND source_table_name IS NOT NULL AND target_table_name IS NOT NULL
ORDER BY 4, 5, 1, 2
"""
KEPT_IN = f"system.access.column_lineage ({DAYS} days)"
GRANT = (
    "an account admin enables the schema system.access; then GRANT USE CATALOG ON CATALOG system TO …; "
    "GRANT USE SCHEMA, SELECT ON SCHEMA system.access TO …"
)


class DatabricksSession(WarehouseSession):
    """The statements of one principal."""

    dialect = "databricks"
    quote = "`"
    text_type = "STRING"
    _asker: DatabricksAsker

    def asked_pages(self, sql: str) -> AsyncGenerator[list[Row], None]:
        """The pages of a test query."""
        return self._asker.query_pages(sql)

    def place(self, schema: str) -> tuple[str, ...]:
        """The catalog, and the schema in it."""
        return (self._asker.database, schema)

    @property
    def _information(self) -> str:
        return f"{self.quoted(self._asker.database)}.information_schema"

    def names_in(self, schema: str) -> str:
        """The statement that lists the tables with our mark."""
        if self._is_hive:
            return hive.MARKED.format(schema=self.quoted(*self.place(schema)))
        return NAMES.format(information=self._information, schema=literal(schema))

    async def marked_in(self, schema: str, limit: Limit) -> list[str]:
        """The names of our marked tables; the rows of `hive_metastore` begin with the schema."""
        rows = await self.ask(limit, "sweep", self.names_in(schema))
        return [str(row[1 if self._is_hive else 0]) for row in rows]

    @property
    def _is_hive(self) -> bool:
        return self._asker.database in hive.CATALOGS

    async def _hive(self, limit: Limit, stage: str) -> Catalog:
        found = Catalog(members=[], columns={})
        for schema in hive.schemas_of(
            await self.ask(limit, stage, hive.SCHEMAS.format(catalog=self.quoted(self._asker.database)))
        ):
            statement = hive.TABLES.format(schema=self.quoted(*self.place(schema)))
            hive.add(found, schema, await self.ask(limit, stage, statement, most=CONNECTION_BYTES))
        return found

    async def catalog(self, limit: Limit, stage: str) -> Catalog:
        """Runs four statements, and one more per 50,000 rows of an answer; in `hive_metastore`, one per schema."""
        if self._is_hive:
            return await self._hive(limit, stage)
        members, columns, views, keys = [
            await self._all(limit, stage, statement.format(information=self._information))
            for statement in (MEMBERS, COLUMNS, VIEWS, KEYS)
        ]
        definitions = {(row[0], row[1]): row[2] for row in views}
        primary, foreign = _keys(keys)
        return Catalog(
            members=[
                Member(
                    schema=schema,
                    name=name,
                    kind=KINDS.get(kind, "table"),
                    comment=comment,
                    definition=definitions.get((schema, name)),
                )
                for schema, name, kind, comment in members
            ],
            columns=by_table(
                (
                    schema,
                    table,
                    Column(
                        name=name, type=type_, nullable=null != "NO", default=default or None, comment=comment or None
                    ),
                )
                for schema, table, name, type_, null, default, comment in columns
            ),
            primary=primary,
            foreign=foreign,
        )

    async def history(self, limit: Limit, catalog: Catalog) -> tuple[list[LineageEdge], History | None]:
        """The lineage by columns that Unity Catalog has recorded."""
        statement = LINEAGE.format(days=DAYS, catalog=literal(self._asker.database))
        try:
            rows = await self._all(limit, "history", statement)
        except CheckError as error:
            if error.code not in (ErrorCode.PERMISSION_DENIED, ErrorCode.QUERY_ERROR, ErrorCode.SCHEMA_NOT_FOUND):
                raise
            return [], History(read_from=KEPT_IN, missing=GRANT)
        edges = _edges(rows)
        return edges, History(read_from=KEPT_IN, statements=len(edges))

    async def _all(self, limit: Limit, stage: str, statement: str) -> list[Row]:
        """Every row, fetched `ROWS` at a time."""
        found: list[Row] = []
        while True:
            part = f"{statement} LIMIT {ROWS} OFFSET {len(found)}"
            rows = await self.ask(limit, stage, part, most=CONNECTION_BYTES)
            found += rows
            if len(rows) < ROWS:
                return found


def _keys(rows: list[Row]) -> tuple[dict[Name, list[str]], dict[Name, list[ForeignKey]]]:
    """Primary and foreign keys by table; a row of a foreign key names the key that it refers to."""
    primary: dict[Name, list[str]] = {}
    named: dict[tuple[str, str], tuple[Name, list[str]]] = {}
    references: dict[tuple[str, str, str], tuple[list[str], tuple[str, str]]] = {}
    for schema, table, name, kind, column, _, there_schema, there in rows:
        if kind == "PRIMARY KEY":
            primary.setdefault((schema, table), []).append(column)
            named.setdefault((schema, name), ((schema, table), []))[1].append(column)
        elif kind == "FOREIGN KEY":
            references.setdefault((schema, table, name), ([], (there_schema, there)))[0].append(column)
    foreign: dict[Name, list[ForeignKey]] = {}
    for (schema, table, _), (columns, key) in references.items():
        if key in named:
            target, referenced = named[key]
            made = ForeignKey(columns=columns, table=TableName(*target), referenced=referenced)
            foreign.setdefault((schema, table), []).append(made)
    return primary, foreign


def _edges(rows: list[Row]) -> list[LineageEdge]:
    found: dict[tuple[TableName, TableName], set[ColumnEdge]] = {}
    for source_schema, source, source_column, target_schema, target, target_column in rows:
        edge = found.setdefault((TableName(source_schema, source), TableName(target_schema, target)), set())
        if source_column and target_column:
            edge.add(ColumnEdge(source_column, target_column))
    return edges_by_columns(found, Origin.query_history)


def literal(text: str) -> str:
    """A text as an SQL constant; a backslash escapes the next character."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
