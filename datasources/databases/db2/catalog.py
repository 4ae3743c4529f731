"""Db2's catalogue (SYSCAT): five statements, whatever the number of tables, and what their rows mean."""

from typing import Any

from msgspec import Struct

from datasources.databases.base import Column, ForeignKey, LineageEdge, Origin, TableName
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Catalog, Member, Name, by_table

KINDS = {
    "T": "table",
    "U": "table",
    "G": "global temporary table",
    "L": "table",
    "N": "nickname",
    "V": "view",
    "W": "view",
    "S": "materialized view",
}
"""By SYSCAT.TABLES.TYPE; aliases, and the rows of table hierarchies, are no tables of their own."""
TABLES = """
SELECT RTRIM(tabschema), tabname, type, card, remarks FROM syscat.tables
WHERE tabschema NOT LIKE 'SYS%' AND type IN ('T', 'U', 'G', 'L', 'N', 'V', 'W', 'S') ORDER BY tabschema, tabname
"""
COLUMNS = """
SELECT RTRIM(tabschema), tabname, colname, RTRIM(typeschema), typename, length, scale, codepage, nulls, default, remarks
FROM syscat.columns WHERE tabschema NOT LIKE 'SYS%' AND hidden <> 'S' ORDER BY tabschema, tabname, colno
"""
VIEWS = "SELECT RTRIM(viewschema), viewname, text FROM syscat.views WHERE viewschema NOT LIKE 'SYS%'"
KEYS = """
SELECT RTRIM(c.tabschema), c.tabname, c.constname, c.type, k.colname
FROM syscat.tabconst c JOIN syscat.keycoluse k
ON k.tabschema = c.tabschema AND k.tabname = c.tabname AND k.constname = c.constname
WHERE c.tabschema NOT LIKE 'SYS%' AND c.type IN ('P', 'U', 'F') ORDER BY c.tabschema, c.tabname, c.constname, k.colseq
"""
REFERENCES = """
SELECT RTRIM(tabschema), tabname, constname, RTRIM(reftabschema), reftabname, refkeyname FROM syscat.references
WHERE tabschema NOT LIKE 'SYS%' ORDER BY tabschema, tabname, constname
"""
DEPENDENCIES = """
SELECT RTRIM(d.tabschema), d.tabname, RTRIM(COALESCE(a.base_tabschema, d.bschema)), COALESCE(a.base_tabname, d.bname)
FROM syscat.tabdep d LEFT JOIN syscat.tables a ON a.tabschema = d.bschema AND a.tabname = d.bname AND a.type = 'A'
WHERE d.tabschema NOT LIKE 'SYS%' AND d.dtype IN ('V', 'W', 'S')
AND d.btype IN ('A', 'G', 'H', 'N', 'S', 'T', 'U', 'V', 'W')
"""
LENGTHS = frozenset({"CHARACTER", "VARCHAR", "GRAPHIC", "VARGRAPHIC", "BINARY", "VARBINARY", "BLOB", "CLOB", "DBCLOB"})
TEXTS = frozenset({"CHARACTER", "VARCHAR"})


class Answers(Struct, frozen=True):
    """The rows of the five statements."""

    tables: list[Row]
    columns: list[Row]
    views: list[Row]
    keys: list[Row]
    references: list[Row]


def catalog_of(answers: Answers) -> Catalog:
    """Tables and views with their columns, comments and keys, in the order of their names."""
    definitions = {(row[0], row[1]): row[2] for row in answers.views}
    members = [
        Member(
            schema=schema,
            name=name,
            kind=KINDS[kind],
            comment=comment or None,
            rows=None if kind in "VWN" or card is None or int(card) < 0 else int(card),
            definition=definitions.get((schema, name)) or None,
        )
        for schema, name, kind, card, comment in answers.tables
    ]
    primary, foreign = _keys(answers.keys, answers.references)
    columns = by_table((row[0], row[1], _column(row[2:])) for row in answers.columns)
    return Catalog(members=members, columns=columns, primary=primary, foreign=foreign)


def _column(row: Row) -> Column:
    name, *type_, nulls, default, comment = row
    return Column(
        name=name,
        type=type_of(*type_),
        nullable=nulls != "N",
        default=str(default).strip() if default is not None else None,
        comment=comment or None,
    )


def type_of(schema: str, name: str, length: Any, scale: Any, codepage: Any) -> str:
    """The type as one writes it: `DECIMAL(10,2)`, `VARCHAR(30)`, `CHARACTER(4) FOR BIT DATA`, `"SHOP"."MONEY"`."""
    if schema != "SYSIBM":
        return f'"{schema}"."{name}"'
    if name == "DECIMAL":
        return f"DECIMAL({int(length)},{int(scale or 0)})"
    if name == "DECFLOAT":
        return f"DECFLOAT({16 if int(length) == 8 else 34})"
    if name == "TIMESTAMP":
        return f"TIMESTAMP({int(scale or 0)})"
    if name not in LENGTHS:
        return name
    bits = " FOR BIT DATA" if name in TEXTS and codepage is not None and int(codepage) == 0 else ""
    return f"{name}({int(length)}){bits}"


def _keys(keys: list[Row], references: list[Row]) -> tuple[dict[Name, list[str]], dict[Name, list[ForeignKey]]]:
    """Primary keys and references, each with its columns in their order."""
    within: dict[tuple[str, str, str], list[str]] = {}
    primary: dict[Name, list[str]] = {}
    for schema, table, constraint, kind, column in keys:
        within.setdefault((schema, table, constraint), []).append(column)
        if kind == "P":
            primary.setdefault((schema, table), []).append(column)
    foreign: dict[Name, list[ForeignKey]] = {}
    for schema, table, constraint, other_schema, other, key in references:
        made = ForeignKey(
            columns=within.get((schema, table, constraint), []),
            table=TableName(other_schema, other),
            referenced=within.get((other_schema, other, key), []),
        )
        foreign.setdefault((schema, table), []).append(made)
    return primary, foreign


def edges_of(rows: list[Row]) -> list[LineageEdge]:
    """What views and materialized ones read, by the server's records."""
    found = {(TableName(row[2], row[3]), TableName(row[0], row[1])) for row in rows}
    return [
        LineageEdge(source=source, target=target, origin=Origin.dependency_record)
        for source, target in sorted(found)
        if source != target
    ]
