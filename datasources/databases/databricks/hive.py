"""The catalogue of `hive_metastore`, which has no information schema: one statement lists the schemas, one reads each.

`SHOW TABLE EXTENDED` returns a text for each table (its page in Databricks' SQL reference): lines of `Name: value`, and
a tree of columns with Spark's names for types. It has no comments of columns, no defaults and no keys.
"""

import re
from collections.abc import Iterable

from datasources.databases.base import Column
from datasources.databases.warehouse.catalog import Catalog, Member

CATALOGS = frozenset({"hive_metastore", "spark_catalog"})
"""Names of that catalog; the second is the one on a cluster without Unity Catalog."""
SCHEMAS = "SHOW SCHEMAS IN {catalog}"
TABLES = "SHOW TABLE EXTENDED IN {schema} LIKE '*'"
MARKED = "SHOW TABLES IN {schema} LIKE 'sourcecheck_tmp_*'"
SQL_WORDS = {"integer": "int", "long": "bigint", "short": "smallint", "byte": "tinyint"}
"""Spark's names for types that differ from those of SQL ("Language mappings")."""
DRAWN = "\nSchema: root\n"
COLUMN = re.compile(r"^ \|-- (.*): (\S+) \(nullable = (true|false)\)$", re.MULTILINE)
"""A column of the table itself; fields of structs, arrays and maps are indented further."""
TYPE = re.compile(r"^Type: (\w+)$", re.MULTILINE)
COMMENT = re.compile(r"^Comment: (.*)$", re.MULTILINE)
VIEW = re.compile(
    r"^View Text: (.*?)$(?=\n(?:View (?:Original Text|Catalog and Namespace|Query Output Columns|Schema Mode)"
    r"|Table Properties|Schema): )",
    re.MULTILINE | re.DOTALL,
)


def schemas_of(rows: Iterable[list[str | None]]) -> list[str]:
    """The names of all schemas, sorted."""
    return sorted(str(row[0]) for row in rows)


def add(catalog: Catalog, schema: str, rows: Iterable[list[str | None]]) -> None:
    """Add a schema's tables, from rows of schema, table, whether it is temporary, and text (`SHOW TABLE EXTENDED`)."""
    for _, name, temporary, text in sorted(rows, key=lambda row: str(row[1])):
        if str(temporary).lower() == "true":
            continue
        described, _, drawn = str(text).rpartition(DRAWN)
        is_view = (found := TYPE.search(described)) is not None and found[1] == "VIEW"
        catalog.members.append(
            Member(
                schema=schema,
                name=str(name),
                kind="view" if is_view else "table",
                comment=found[1] if (found := COMMENT.search(described)) else None,
                definition=found[1] if is_view and (found := VIEW.search(described + DRAWN)) else None,
            )
        )
        catalog.columns[schema, str(name)] = [
            Column(name=column, type=SQL_WORDS.get(type_, type_), nullable=nullable == "true")
            for column, type_, nullable in COLUMN.findall(drawn)
        ]
