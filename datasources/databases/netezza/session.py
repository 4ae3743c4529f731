"""A login's questions to Netezza, about one database."""

from datasources.databases.base import Column, History, LineageEdge
from datasources.databases.history.apart import history_of_texts
from datasources.databases.history.edges import MOST_STATEMENTS, FoldedNames, Written
from datasources.databases.limits import Limit
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Catalog, Member, by_table
from datasources.databases.warehouse.guard import refuse_files
from datasources.databases.warehouse.records import foreign_of, primary_of
from datasources.databases.warehouse.session import WarehouseSession

TABLES = """
SELECT SCHEMA, TABLENAME, OBJTYPE, RELTUPLES FROM _V_TABLE
WHERE OBJTYPE IN ('TABLE', 'EXTERNAL TABLE') ORDER BY SCHEMA, TABLENAME
"""
VIEWS = """
SELECT SCHEMA, VIEWNAME, OBJTYPE, DEFINITION FROM _V_VIEW
WHERE OBJTYPE IN ('VIEW', 'MATERIALIZED VIEW') ORDER BY SCHEMA, VIEWNAME
"""
COLUMNS = """
SELECT SCHEMA, NAME, ATTNAME, FORMAT_TYPE, ATTNOTNULL, COLDEFAULT, DESCRIPTION FROM _V_RELATION_COLUMN
WHERE ATTNUM > 0 ORDER BY SCHEMA, NAME, ATTNUM
"""
KEYS = """
SELECT SCHEMA, RELATION, CONSTRAINTNAME, ATTNAME, PKSCHEMA, PKRELATION, PKATTNAME, CONTYPE, PKDATABASE
FROM _V_RELATION_KEYDATA WHERE CONTYPE IN ('p', 'f') ORDER BY SCHEMA, RELATION, CONSTRAINTNAME, CONSEQ
"""
COMMENTS = """
SELECT SCHEMA, OBJNAME, DESCRIPTION FROM _V_OBJECT_DATA WHERE DESCRIPTION IS NOT NULL AND OBJTYPE IN ('TABLE', 'VIEW')
"""
NAMES = """
SELECT TABLENAME FROM _V_TABLE
WHERE UPPER(SCHEMA) = UPPER({schema}) AND LOWER(TABLENAME) LIKE 'sourcecheck#_tmp#_%' ESCAPE '#'
"""
QUERIES = f"""
SELECT QH_SQL, QH_DATABASE FROM _V_QRYHIST
WHERE UPPER(QH_SQL) LIKE 'INSERT%' OR UPPER(QH_SQL) LIKE 'CREATE TABLE%' OR UPPER(QH_SQL) LIKE 'UPDATE%'
OR UPPER(QH_SQL) LIKE 'MERGE%' ORDER BY QH_TSUBMIT DESC LIMIT {MOST_STATEMENTS}
"""  # noqa: S608 -- put together from constants
KEPT_IN = "_V_QRYHIST (the latest queries; those of other users, where LIST on USER is granted)"
GRANT = 'GRANT LIST ON USER TO "{user}"'


class NetezzaSession(WarehouseSession):
    """Questions of one login. Texts of views are as PostgreSQL's, from which Netezza descends."""

    dialect = "postgres"
    names_others = True
    text_type = "VARCHAR(64)"

    def names_in(self, schema: str) -> str:
        """Names with our mark."""
        return NAMES.format(schema=literal(schema))

    def require_reading(self, sql: str) -> None:
        """One statement that reads, and no file of the server's (security row 6)."""
        super().require_reading(sql)
        refuse_files(sql)

    async def catalog(self, limit: Limit, stage: str) -> Catalog:
        """Five statements, whatever the number of tables; two of them may be refused."""
        tables = await self._read(limit, stage, TABLES)
        views = await self._read(limit, stage, VIEWS)
        columns = await self._read(limit, stage, COLUMNS)
        keys = await self._read_if_shown(limit, stage, KEYS) or []
        comments = await self._read_if_shown(limit, stage, COMMENTS) or []
        return catalog_of(tables, views, columns, keys, comments, self._asker.database)

    async def history(self, limit: Limit, catalog: Catalog) -> tuple[list[LineageEdge], History | None]:
        """The queries that the server still remembers, of those that wrote a table from others."""
        rows = await self._read_if_shown(limit, "history", QUERIES)
        if rows is None:
            return [], History(read_from=KEPT_IN, missing=GRANT.format(user=self._asker.user or "…"))
        written = [Written(str(row[0]), database=str(row[1] or "").strip()) for row in rows]
        names = FoldedNames(catalog.columns, self._asker.database)
        return await history_of_texts(written, names, "netezza", limit, KEPT_IN)


def catalog_of(
    tables: list[Row], views: list[Row], columns: list[Row], keys: list[Row], comments: list[Row], database: str
) -> Catalog:
    """The tables of what these statements answer, each row in the order of its statement.

    Columns of the system's own tables come too, and are left out; so are references into another database.
    """
    said = {(schema, name): text for schema, name, text in comments}
    members = [
        Member(
            schema=schema,
            name=name,
            kind="external table" if kind == "EXTERNAL TABLE" else "table",
            comment=said.get((schema, name)),
            rows=None if rows is None or kind != "TABLE" else int(rows),
        )
        for schema, name, kind, rows in tables
    ]
    members += [
        Member(
            schema=schema,
            name=name,
            kind=kind.lower(),
            comment=said.get((schema, name)),
            definition=str(definition).strip() or None if definition else None,
        )
        for schema, name, kind, definition in views
    ]
    members.sort(key=lambda member: (member.schema, member.name))
    ours = {(member.schema, member.name) for member in members}
    found = by_table((row[0], row[1], _column(row)) for row in columns if (row[0], row[1]) in ours)
    here = [row for row in keys if (row[0], row[1]) in ours]
    return Catalog(
        members=members,
        columns=found,
        primary=primary_of([row[0], row[1], row[3]] for row in here if row[7] == "p"),
        foreign=foreign_of(row[:7] for row in here if row[7] == "f" and (row[8] or database) == database),
    )


def _column(row: Row) -> Column:
    _, _, name, type_, required, default, comment = row
    return Column(
        name=name,
        type=type_,
        nullable=required not in (True, "t", 1),
        default=default or None,
        comment=comment or None,
    )


def literal(text: str) -> str:
    """A text as a constant; a backslash is no escape, but is doubled where it would be one."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
