"""The catalogue queries: a constant number of them, however large the server is."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from datasources.databases.base import Column, ForeignKey, Table, TableName

CATALOG = "def"
"""What stands for the database where a schema is one, in `database.schema.table`."""
KINDS = {"BASE TABLE": "table", "SYSTEM VERSIONED": "table", "VIEW": "view", "SEQUENCE": "sequence"}
"""TABLE_TYPE to the word in an answer."""
OURS = "TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')"
TABLES = f"""
SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_ROWS, TABLE_COMMENT FROM information_schema.TABLES
WHERE {OURS} ORDER BY TABLE_SCHEMA, TABLE_NAME
"""  # noqa: S608 -- put together from constants
KEYS = f"""
SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME,
       REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME
FROM information_schema.KEY_COLUMN_USAGE
WHERE {OURS} AND (CONSTRAINT_NAME = 'PRIMARY' OR REFERENCED_TABLE_NAME IS NOT NULL)
ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION
"""  # noqa: S608 -- put together from constants
COLUMNS = f"""
SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_COMMENT, COLUMN_DEFAULT
FROM information_schema.COLUMNS WHERE {OURS} ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION
"""  # noqa: S608 -- put together from constants
VIEWS = f"""
SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS
WHERE {OURS} ORDER BY TABLE_SCHEMA, TABLE_NAME
"""  # noqa: S608 -- put together from constants

Row = tuple[Any, ...]
Name = tuple[str, str]


def rows(statement: str, driver: Any) -> list[Row]:
    """All rows of one of our own statements; every value is text."""
    with driver.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def keys_by_table(found: list[Row]) -> dict[Name, list[list[Row]]]:
    """The columns of each key, by table and key."""
    keys: dict[Name, list[list[Row]]] = {}
    for (schema, table, _), group in groupby(found, key=itemgetter(0, 1, 2)):
        keys.setdefault((schema, table), []).append(list(group))
    return keys


def made(member: Row, columns: list[Row], keys: list[list[Row]], definition: str | None) -> Table:
    """One table of its rows in the queries, with the text of a view. MariaDB writes the default NULL out."""
    schema, name, kind, estimate, comment = member
    table = kind != "VIEW"
    return Table(
        schema=schema,
        name=name,
        kind=KINDS.get(kind, kind.lower()),
        comment=(comment or None) if table else None,  # a view's says VIEW, or what is wrong with it
        rows=int(estimate) if table and estimate is not None else None,
        columns=[
            Column(
                name=column,
                type=type_,
                nullable=nullable == "YES",
                default=None if default == "NULL" else default,
                comment=said or None,
            )
            for _, _, column, type_, nullable, said, default in columns
        ],
        primary_key=next(([row[3] for row in key] for key in keys if key[0][2] == "PRIMARY"), []),
        foreign_keys=[_foreign(key) for key in keys if key[0][5] is not None],
        definition=definition,
    )


def definitions(found: list[Row]) -> dict[Name, str]:
    """The text of each view; one that the user may not see is empty."""
    return {(schema, name): text for schema, name, text in found if text}


def _foreign(key: list[Row]) -> ForeignKey:
    return ForeignKey(
        columns=[row[3] for row in key], table=TableName(key[0][4], key[0][5]), referenced=[row[6] for row in key]
    )


def grouped(found: Iterator[Row]) -> Iterator[tuple[Name, list[Row]]]:
    """The columns of each table, as they arrive."""
    for name, group in groupby(found, key=itemgetter(0, 1)):
        yield name, list(group)
