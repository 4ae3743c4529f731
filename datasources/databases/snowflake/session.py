"""A login's questions to Snowflake, about one database or all."""

import re
from functools import partial
from typing import Any

import msgspec

from datasources.databases.base import Column, ColumnEdge, ForeignKey, History, LineageEdge, Origin, TableName
from datasources.databases.history.edges import MOST_STATEMENTS
from datasources.databases.limits import Limit
from datasources.databases.snowflake.asker import SnowflakeAsker, literal
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Catalog, Member, Name, by_table
from datasources.databases.warehouse.records import edges_between, edges_by_columns
from datasources.databases.warehouse.session import HIDDEN, WarehouseSession
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from datasources.network.threads import in_thread

WITHOUT = ("SNOWFLAKE", "SNOWFLAKE_SAMPLE_DATA")
DAYS = 30
"""Of the access history."""
KINDS = {"BASE TABLE": "table", "VIEW": "view", "MATERIALIZED VIEW": "materialized view"}
MEMBERS = """
SELECT table_schema, table_name, table_type, row_count, comment FROM {information}.TABLES
WHERE table_schema <> 'INFORMATION_SCHEMA' ORDER BY table_schema, table_name
"""
COLUMNS = """
SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default, comment,
       character_maximum_length, numeric_precision, numeric_scale
FROM {information}.COLUMNS WHERE table_schema <> 'INFORMATION_SCHEMA'
ORDER BY table_schema, table_name, ordinal_position
"""
VIEWS = """
SELECT table_schema, table_name, view_definition FROM {information}.VIEWS WHERE table_schema <> 'INFORMATION_SCHEMA'
"""
NAMES = """
SELECT table_name FROM {information}.TABLES
WHERE table_schema = {schema} AND table_type = 'BASE TABLE' AND LEFT(table_name, 16) = 'sourcecheck_tmp_'
"""
DEPENDENCIES = """
SELECT referenced_schema, referenced_object_name, referencing_schema, referencing_object_name
FROM {metadata}.ACCOUNT_USAGE.OBJECT_DEPENDENCIES
WHERE referenced_database = {database} AND referencing_database = {database}
"""
ACCESS = """
SELECT TO_JSON(objects_modified) FROM {metadata}.ACCOUNT_USAGE.ACCESS_HISTORY
WHERE query_start_time > DATEADD(day, -{days}, CURRENT_TIMESTAMP()) AND ARRAY_SIZE(objects_modified) > 0
ORDER BY query_start_time DESC LIMIT {most}
"""
GRANT = (
    "GRANT IMPORTED PRIVILEGES ON DATABASE SNOWFLAKE TO ROLE …, or, for this alone, "
    "GRANT DATABASE ROLE SNOWFLAKE.GOVERNANCE_VIEWER TO ROLE …"
)
SYSTEM = re.compile(r"\bsystem\s*\$", re.IGNORECASE)
"""Functions of the system that do something: cancel queries, abort sessions, wait."""


class SnowflakeSession(WarehouseSession):
    """Questions of one login. A schema is `database.schema` where no database is named."""

    dialect = "snowflake"
    hidden = HIDDEN | {ErrorCode.DATABASE_NOT_FOUND}

    def __init__(self, asker: SnowflakeAsker, seconds: float, database: str, metadata: str) -> None:
        super().__init__(asker, seconds)
        self._database = database
        self._metadata = metadata

    def place(self, schema: str) -> tuple[str, ...]:
        """The database, and the schema in it."""
        return (self._database, schema) if self._database else tuple(schema.partition(".")[::2])

    def names_in(self, schema: str) -> str:
        """Names with our mark."""
        database, name = self.place(schema)
        return NAMES.format(information=self._information(database), schema=literal(name))

    async def require_schema(self, schema: str, limit: Limit) -> None:
        """Snowflake does not tell a missing schema from one without rights; its list does."""
        database, name = self.place(schema)
        statement = (
            f"SELECT schema_name FROM {self._information(database)}.SCHEMATA WHERE schema_name = {literal(name)}"  # noqa: S608 -- quoted
        )
        if not await self.ask(limit, "create", statement):
            message = f'Schema "{name}" does not exist, or the role may not use it'
            raise CheckError(ErrorCode.SCHEMA_NOT_FOUND, message, {"stage": "create"})

    async def catalog(self, limit: Limit, stage: str) -> Catalog:
        """Three statements a database and two for all, whatever the number of tables.

        Without a scope, keys are those of the session's database, or else of the account.
        """
        found = Catalog(members=[], columns={}, primary={}, foreign={})
        for database in [self._database] if self._database else await self._databases(limit, stage):
            await self._add(found, database, limit, stage)
        found.primary = _primary(await self._read(limit, stage, "SHOW PRIMARY KEYS"), self._database)
        found.foreign = _foreign(await self._read(limit, stage, "SHOW IMPORTED KEYS"), self._database)
        return found

    async def _databases(self, limit: Limit, stage: str) -> list[str]:
        return [str(row[1]) for row in await self.ask(limit, stage, "SHOW DATABASES") if row[1] not in WITHOUT]

    async def _add(self, found: Catalog, database: str, limit: Limit, stage: str) -> None:
        information = self._information(database)
        members, columns, views = [
            await self._read(limit, stage, statement.format(information=information))
            for statement in (MEMBERS, COLUMNS, VIEWS)
        ]
        definitions = {(row[0], row[1]): row[2] for row in views}
        prefix = "" if self._database else f"{database}."
        listed = {(row[0], row[1]) for row in members}
        members += [[*name, "VIEW", None, None] for name in definitions if name not in listed]
        for schema, table, kind, rows, comment in members:
            found.members.append(
                Member(
                    schema=prefix + schema,
                    name=table,
                    kind=KINDS.get(kind, kind.lower()),
                    comment=comment,
                    rows=None if rows is None or "VIEW" in kind else int(rows),
                    definition=definitions.get((schema, table)) or None,
                )
            )
        found.columns |= by_table((prefix + row[0], row[1], _column(row)) for row in columns)

    async def server_edges(self, limit: Limit) -> list[LineageEdge] | None:
        """What views read, as Snowflake records it; None where the role may not read that."""
        if not self._database:
            return None
        statement = DEPENDENCIES.format(metadata=self.quoted(self._metadata), database=literal(self._database))
        rows = await self._read_if_shown(limit, "lineage", statement)
        return None if rows is None else edges_between(rows, Origin.dependency_record)

    async def history(self, limit: Limit, catalog: Catalog) -> tuple[list[LineageEdge], History | None]:
        """What statements of the last days have made from what, down to columns: Snowflake's own access history."""
        where = f"{self._metadata}.ACCOUNT_USAGE.ACCESS_HISTORY ({DAYS} days; Enterprise edition)"
        statement = ACCESS.format(metadata=self.quoted(self._metadata), days=DAYS, most=MOST_STATEMENTS)
        rows = await self._read_if_shown(limit, "history", statement)
        if rows is None:
            return [], History(read_from=where, missing=GRANT)
        async with limit.round("history"):
            edges = await in_thread(partial(_accesses, [row[0] for row in rows], self._database))
        return edges, History(read_from=where, statements=len(rows))

    def require_reading(self, sql: str) -> None:
        """Snowflake has no read-only session: one statement that reads, and none of the system's functions."""
        super().require_reading(sql)
        if SYSTEM.search(sql):
            message = "A test query may not call functions of the system (SYSTEM$…)"
            raise CheckError(ErrorCode.QUERY_NOT_READ_ONLY, message, {"stage": "query"})

    def _information(self, database: str) -> str:
        return f"{self.quoted(database)}.INFORMATION_SCHEMA"


def _schema(database: str, schema: str, own: str) -> str:
    return schema if own else f"{database}.{schema}"


def _primary(rows: list[Row], own: str) -> dict[Name, list[str]]:
    """Columns of primary keys, in their order."""
    found: dict[Name, list[tuple[int, str]]] = {}
    for _, database, schema, table, column, sequence, *_ in rows:
        if own and database != own:
            continue
        found.setdefault((_schema(database, schema, own), table), []).append((int(sequence), column))
    return {name: [column for _, column in sorted(columns)] for name, columns in found.items()}


def _foreign(rows: list[Row], own: str) -> dict[Name, list[ForeignKey]]:
    """References of each table, each with its columns in their order."""
    keys: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if own and row[5] != own:
            continue
        keys.setdefault((_schema(row[5], row[6], own), row[7], str(row[12])), []).append(row)
    found: dict[Name, list[ForeignKey]] = {}
    for (schema, table, _), members in keys.items():
        members.sort(key=lambda row: int(row[9]))
        there = TableName(_schema(members[0][1], members[0][2], own), members[0][3])
        key = ForeignKey(columns=[row[8] for row in members], table=there, referenced=[row[4] for row in members])
        found.setdefault((schema, table), []).append(key)
    return found


def _column(row: Row) -> Column:
    _, _, name, type_, nullable, default, comment, length, precision, scale = row
    return Column(
        name=name,
        type=_type(type_, length, precision, scale),
        nullable=nullable != "NO",
        default=default or None,
        comment=comment or None,
    )


def _type(name: str, length: Any, precision: Any, scale: Any) -> str:
    if name == "NUMBER" and precision is not None:
        return f"NUMBER({int(precision)},{int(scale or 0)})"
    return f"{name}({int(length)})" if name in ("TEXT", "BINARY") and length is not None else name


class _Source(msgspec.Struct, frozen=True, rename="camel"):
    object_name: str = ""
    column_name: str = ""


class _Made(msgspec.Struct, frozen=True, rename="camel"):
    column_name: str = ""
    direct_sources: list[_Source] = []


class _Modified(msgspec.Struct, frozen=True, rename="camel"):
    object_name: str = ""
    columns: list[_Made] = []


def _accesses(texts: list[Any], database: str) -> list[LineageEdge]:
    """Edges of the arrays `objects_modified`; what is of another database is left out."""
    found: dict[tuple[TableName, TableName], set[ColumnEdge]] = {}
    for text in texts:
        for modified in msgspec.json.decode(text, type=list[_Modified]):
            target = _named(modified.object_name, database)
            for made in modified.columns:
                for origin in made.direct_sources:
                    source = _named(origin.object_name, database)
                    if source and target and source != target:
                        edge = ColumnEdge(origin.column_name, made.column_name)
                        found.setdefault((source, target), set()).add(edge)
    return edges_by_columns(found, Origin.query_history)


def _named(name: str, database: str) -> TableName | None:
    """`DATABASE.SCHEMA.NAME`, of which parts may be in double quotes."""
    parts = [quoted or plain for quoted, plain in re.findall(r'"([^"]+)"|([^".]+)', name)]
    if len(parts) != 3 or (database and parts[0] != database):
        return None
    return TableName(parts[1] if database else f"{parts[0]}.{parts[1]}", parts[2])
