"""A login's questions to Teradata. A schema is one of its databases."""

from datasources.databases.base import Column, History, LineageEdge
from datasources.databases.history.apart import history_of_texts
from datasources.databases.history.edges import MOST_STATEMENTS, FoldedNames, Written
from datasources.databases.limits import Limit
from datasources.databases.names import literal as plain_literal
from datasources.databases.teradata.types import type_text
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Catalog, Member, by_table
from datasources.databases.warehouse.records import foreign_of, primary_of
from datasources.databases.warehouse.session import WarehouseSession
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

WITHOUT = (
    "All", "console", "Crashdumps", "DBC", "Default", "EXTUSER", "External_AP", "LockLogShredder", "PUBLIC", "SQLJ",
    "SysAdmin", "SYSBAR", "SYSJDBC", "SYSLIB", "SYSSPATIAL", "SystemFe", "SYSUDTLIB", "SYSUIF", "Sys_Calendar",
    "TDBCMgmt", "TDMaps", "TDPUSER", "TDQCD", "TDStats", "tdwm", "TD_ANALYTICS_DB", "TD_DATASHARING_REPO",
    "TD_SERVER_DB", "TD_SYSFNLIB", "TD_SYSGPL", "TD_SYSXML", "tapidb", "val", "viewpoint",
)  # fmt: skip
"""The system's own databases."""
_OURS = f"DatabaseName NOT IN ({', '.join(repr(name) for name in WITHOUT)})"
MEMBERS = f"""
SELECT DatabaseName, TableName, TableKind, CommentString, RequestText, RequestTxtOverflow FROM DBC.TablesVX
WHERE TableKind IN ('T', 'O', 'Q', 'V') AND {_OURS} ORDER BY DatabaseName, TableName
"""  # noqa: S608 -- put together from constants
COLUMNS = f"""
SELECT DatabaseName, TableName, ColumnName, ColumnType, ColumnLength, DecimalTotalDigits, DecimalFractionalDigits,
       CharType, Nullable, DefaultValue, CommentString
FROM DBC.{{view}} WHERE {_OURS} ORDER BY DatabaseName, TableName, ColumnId
"""  # noqa: S608 -- put together from constants
WITH_TYPES_OF_VIEWS = COLUMNS.format(view="ColumnsQVX")
WITHOUT_TYPES_OF_VIEWS = COLUMNS.format(view="ColumnsVX")
PRIMARY = f"""
SELECT DatabaseName, TableName, ColumnName FROM DBC.IndicesVX WHERE IndexType = 'K' AND {_OURS}
ORDER BY DatabaseName, TableName, ColumnPosition
"""  # noqa: S608 -- put together from constants
FOREIGN = """
SELECT ChildDB, ChildTable, IndexID, ChildKeyColumn, ParentDB, ParentTable, ParentKeyColumn FROM DBC.All_RI_ChildrenVX
ORDER BY ChildDB, ChildTable, IndexID
"""
NAMES = """
SELECT TableName FROM DBC.TablesVX
WHERE DatabaseName = {schema} AND TableKind IN ('T', 'O') AND TableName LIKE 'sourcecheck^_tmp^_%' ESCAPE '^'
"""
QUERIES = f"""
SELECT TOP {MOST_STATEMENTS} s.SqlTextInfo, l.DefaultDatabase FROM DBC.QryLogV AS l
INNER JOIN DBC.QryLogSQLV AS s ON s.QueryID = l.QueryID AND s.ProcID = l.ProcID
WHERE l.ErrorCode = 0 AND s.SqlRowNo = 1
AND l.StatementType IN ('Insert', 'Create Table', 'Merge Into', 'Update')
ORDER BY l.StartTime DESC
"""  # noqa: S608 -- put together from constants
KEPT_IN = "DBC.QryLogV, DBC.QryLogSQLV"
GRANT = (
    'GRANT SELECT ON DBC.QryLogV TO "{user}"; GRANT SELECT ON DBC.QryLogSQLV TO "{user}"; and the texts are kept after '
    "BEGIN QUERY LOGGING WITH SQL ON ALL"
)
ORDERS = "A test query may not contain {: the driver takes {fn teradata_…} as a command to itself, and may write a file"


class TeradataSession(WarehouseSession):
    """Questions of one login."""

    dialect = "teradata"
    text_type = "VARCHAR(64)"

    def names_in(self, schema: str) -> str:
        """Names with our mark."""
        return NAMES.format(schema=literal(schema))

    def scratch(self, schema: str, name: str, token: str) -> dict[str, str]:
        """Statements on a table that may hold equal rows, as tables elsewhere."""
        statements = super().scratch(schema, name, token)
        return statements | {"create": statements["create"].replace("CREATE TABLE", "CREATE MULTISET TABLE", 1)}

    def quoted(self, *names: str) -> str:
        """Names as identifiers. Raises `CheckError` for one with a brace, which the driver might read by itself."""
        if any("{" in name for name in names):
            message = "The name of a Teradata database cannot contain {"
            raise CheckError(ErrorCode.SCHEMA_NOT_FOUND, message, {"stage": "create"})
        return super().quoted(*names)

    async def catalog(self, limit: Limit, stage: str) -> Catalog:
        """Four statements, whatever the number of tables; one of them is asked in two ways."""
        members = await self._read(limit, stage, MEMBERS)
        columns = await self._read_if_shown(limit, stage, WITH_TYPES_OF_VIEWS)
        if columns is None:
            columns = await self._read(limit, stage, WITHOUT_TYPES_OF_VIEWS)
        primary = await self._read_if_shown(limit, stage, PRIMARY) or []
        foreign = await self._read_if_shown(limit, stage, FOREIGN) or []
        return catalog_of(members, columns, primary, foreign)

    async def history(self, limit: Limit, catalog: Catalog) -> tuple[list[LineageEdge], History | None]:
        """The statements that the query log has kept, where the user may read it."""
        rows = await self._read_if_shown(limit, "history", QUERIES)
        if rows is None:
            return [], History(read_from=KEPT_IN, missing=GRANT.format(user=self._asker.user or "…"))
        written = [Written(str(row[0]), schema=str(row[1] or "").strip()) for row in rows]
        return await history_of_texts(written, FoldedNames(catalog.columns, ""), self.dialect, limit, KEPT_IN)

    def require_reading(self, sql: str) -> None:
        """Teradata has no read-only session: one statement that reads, and no order to the driver."""
        super().require_reading(sql)
        if "{" in sql:
            raise CheckError(ErrorCode.QUERY_NOT_READ_ONLY, ORDERS, {"stage": "query"})


def catalog_of(members: list[Row], columns: list[Row], primary: list[Row], foreign: list[Row]) -> Catalog:
    """The tables of what these statements answer, each row in the order of its statement."""
    return Catalog(
        members=[_member(row) for row in members],
        columns=by_table((row[0], row[1], _column(row)) for row in columns),
        primary=primary_of(primary),
        foreign=foreign_of(foreign),
    )


def _member(row: Row) -> Member:
    schema, name, kind, comment, text, overflow = row
    cut = str(overflow or "").strip() == "R"
    view = kind.strip() == "V"
    return Member(
        schema=schema,
        name=name,
        kind="view" if view else "table",
        comment=comment or None,
        definition=str(text) if view and text and not cut else None,
    )


def _column(row: Row) -> Column:
    _, _, name, type_, length, digits, scale, charset, nullable, default, comment = row
    return Column(
        name=name,
        type=type_text(type_, length, digits, scale, charset),
        nullable=str(nullable or "").strip() != "N",
        default=default or None,
        comment=comment or None,
    )


def literal(text: str) -> str:
    """A text as a constant. Raises `CheckError` for one with a brace, as `TeradataSession.quoted`."""
    if "{" in text:
        message = "The name of a Teradata database cannot contain {"
        raise CheckError(ErrorCode.SCHEMA_NOT_FOUND, message, {"stage": "sweep"})
    return plain_literal(text)
