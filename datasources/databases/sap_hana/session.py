"""A login's questions to SAP HANA."""

from collections.abc import Iterable

from datasources.databases.base import Column, History, LineageEdge, Origin
from datasources.databases.history.edges import MOST_STATEMENTS
from datasources.databases.limits import Limit
from datasources.databases.names import literal
from datasources.databases.sap_hana.texts import REWRITTEN
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Catalog, Member, Name, by_table
from datasources.databases.warehouse.records import edges_between, foreign_of, primary_of
from datasources.databases.warehouse.session import WarehouseSession

OURS = r"{schema} <> 'SYS' AND ({schema} = '_SYS_BIC' OR {schema} NOT LIKE '^_SYS^_%' ESCAPE '^')"
"""Not the server's own; `_SYS_BIC` has the calculation views that users have activated."""
TABLES = f"""
SELECT SCHEMA_NAME, TABLE_NAME, COMMENTS FROM SYS.TABLES WHERE {OURS.format(schema="SCHEMA_NAME")}
"""  # noqa: S608 -- put together from constants
VIEWS = f"""
SELECT SCHEMA_NAME, VIEW_NAME, COMMENTS, DEFINITION FROM SYS.VIEWS WHERE {OURS.format(schema="SCHEMA_NAME")}
"""  # noqa: S608 -- put together from constants
COLUMNS = f"""
SELECT SCHEMA_NAME, TABLE_NAME, COLUMN_NAME, DATA_TYPE_NAME, LENGTH, SCALE, IS_NULLABLE, DEFAULT_VALUE, COMMENTS,
       POSITION
FROM SYS.TABLE_COLUMNS WHERE {OURS.format(schema="SCHEMA_NAME")}
UNION ALL
SELECT SCHEMA_NAME, VIEW_NAME, COLUMN_NAME, DATA_TYPE_NAME, LENGTH, SCALE, IS_NULLABLE, NULL, COMMENTS, POSITION
FROM SYS.VIEW_COLUMNS WHERE {OURS.format(schema="SCHEMA_NAME")}
ORDER BY 1, 2, 10
"""  # noqa: S608 -- put together from constants
PRIMARY = """
SELECT SCHEMA_NAME, TABLE_NAME, COLUMN_NAME FROM SYS.CONSTRAINTS WHERE IS_PRIMARY_KEY = 'TRUE'
ORDER BY SCHEMA_NAME, TABLE_NAME, POSITION
"""
FOREIGN = """
SELECT SCHEMA_NAME, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_SCHEMA_NAME, REFERENCED_TABLE_NAME,
       REFERENCED_COLUMN_NAME
FROM SYS.REFERENTIAL_CONSTRAINTS ORDER BY SCHEMA_NAME, TABLE_NAME, CONSTRAINT_NAME, POSITION
"""
ROWS = "SELECT SCHEMA_NAME, TABLE_NAME, RECORD_COUNT FROM SYS.M_TABLES"
DEPENDENCIES = """
SELECT BASE_SCHEMA_NAME, BASE_OBJECT_NAME, DEPENDENT_SCHEMA_NAME, DEPENDENT_OBJECT_NAME FROM SYS.OBJECT_DEPENDENCIES
WHERE DEPENDENT_OBJECT_TYPE = 'VIEW' AND BASE_OBJECT_TYPE IN ('TABLE', 'VIEW') AND DEPENDENCY_TYPE = 1
"""
NAMES = """
SELECT TABLE_NAME FROM SYS.TABLES
WHERE SCHEMA_NAME = {schema} AND TABLE_NAME LIKE 'sourcecheck^_tmp^_%' ESCAPE '^'
"""
STATEMENTS = f"""
SELECT C.ACCESSED_TABLE_NAMES, T.SCHEMA_NAME, T.TABLE_NAME FROM SYS.M_SQL_PLAN_CACHE AS C
INNER JOIN SYS.TABLES AS T ON T.TABLE_OID = C.UPDATED_TABLE_OID
WHERE C.EXECUTION_COUNT > 0 ORDER BY C.LAST_EXECUTION_TIMESTAMP DESC LIMIT {MOST_STATEMENTS}
"""  # noqa: S608 -- put together from constants
MONITOR = """
SELECT COUNT(*) FROM SYS.EFFECTIVE_PRIVILEGES WHERE USER_NAME = CURRENT_USER AND PRIVILEGE = 'CATALOG READ'
"""
KEPT_IN = "SYS.M_SQL_PLAN_CACHE (statements whose plans the server still keeps)"
GRANT = 'GRANT CATALOG READ TO "{user}"; without it, the user\'s own statements'
SIZED = frozenset(
    {"CHAR", "NCHAR", "VARCHAR", "NVARCHAR", "ALPHANUM", "SHORTTEXT", "BINARY", "VARBINARY", "REAL_VECTOR"}
)


class HanaSession(WarehouseSession):
    """Questions of one login at one database."""

    dialect = "oracle"
    near = True
    rewritten = REWRITTEN
    text_type = "NVARCHAR(64)"

    def names_in(self, schema: str) -> str:
        """Names with our mark."""
        return NAMES.format(schema=literal(schema))

    async def catalog(self, limit: Limit, stage: str) -> Catalog:
        """Six statements, whatever the number of tables; the one about rows may be refused."""
        tables = await self._read(limit, stage, TABLES)
        views = await self._read(limit, stage, VIEWS)
        columns = await self._read(limit, stage, COLUMNS)
        primary = await self._read(limit, stage, PRIMARY)
        foreign = await self._read(limit, stage, FOREIGN)
        rows = await self._read_if_shown(limit, stage, ROWS) or []
        return catalog_of(tables, views, columns, primary, foreign, rows)

    async def server_edges(self, limit: Limit) -> list[LineageEdge]:
        """What views read, calculation views among them, as HANA records it."""
        return edges_between(await self._read(limit, "lineage", DEPENDENCIES), Origin.dependency_record)

    async def history(self, limit: Limit, catalog: Catalog) -> tuple[list[LineageEdge], History | None]:
        """Which table a statement wrote, and which it reached: HANA's own record with each plan."""
        rows = await self._read_if_shown(limit, "history", STATEMENTS)
        if rows is None:
            return [], History(read_from=KEPT_IN, missing=self._grant())
        may = await self._read_if_shown(limit, "history", MONITOR)
        pairs = written_of(rows, catalog.columns)
        edges = edges_between(pairs, Origin.query_history, catalog.columns)
        missing = None if may and int(may[0][0]) else self._grant()
        return edges, History(read_from=KEPT_IN, statements=len(rows), missing=missing)

    def _grant(self) -> str:
        return GRANT.format(user=self._asker.user or "…")


def catalog_of(
    tables: list[Row], views: list[Row], columns: list[Row], primary: list[Row], foreign: list[Row], rows: list[Row]
) -> Catalog:
    """The tables of what these statements answer, each row in the order of its statement."""
    counts = {(schema, name): int(count) for schema, name, count in rows if count is not None}
    members = [
        Member(schema=schema, name=name, kind="table", comment=comment or None, rows=counts.get((schema, name)))
        for schema, name, comment in tables
    ]
    members += [
        Member(schema=schema, name=name, kind="view", comment=comment or None, definition=definition or None)
        for schema, name, comment, definition in views
    ]
    members.sort(key=lambda member: (member.schema, member.name))
    return Catalog(
        members=members,
        columns=by_table((row[0], row[1], _column(row)) for row in columns),
        primary=primary_of(primary),
        foreign=foreign_of(foreign),
    )


def _column(row: Row) -> Column:
    _, _, name, type_, length, scale, nullable, default, comment, _ = row
    return Column(
        name=name,
        type=type_text(type_, length, scale),
        nullable=nullable != "FALSE",
        default=default or None,
        comment=comment or None,
    )


def type_text(name: str, length: int | None, scale: int | None) -> str:
    """A type as one writes it. A decimal without a scale is a floating one."""
    if name == "DECIMAL":
        return name if scale is None else f"DECIMAL({int(length or 0)},{int(scale)})"
    return f"{name}({int(length)})" if name in SIZED and length else name


def written_of(rows: Iterable[Row], known: Iterable[Name]) -> list[Row]:
    """Pairs of tables: each that a statement reached, and the one that it wrote.

    `ACCESSED_TABLE_NAMES` is a list of `SCHEMA.TABLE`, with commas between them and perhaps a number in parentheses
    behind each; names are in no quotes, so that only those count that are tables here.
    """
    names = {f"{schema}.{table}": (schema, table) for schema, table in known}
    found: list[Row] = []
    for accessed, schema, table in rows:
        for part in str(accessed or "").split(","):
            source = names.get(part.strip().partition("(")[0].strip())
            if source is not None:
                found.append([*source, schema, table])
    return found
