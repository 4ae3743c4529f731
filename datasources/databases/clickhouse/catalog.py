"""The catalogue queries: two of them, however large the server is."""

import re
from itertools import groupby
from operator import itemgetter
from typing import Any

from datasources.databases.base import Column, Table

OURS = "NOT IN ('system', 'INFORMATION_SCHEMA', 'information_schema')"
TABLES = f"""
SELECT database, name, engine, total_rows, comment, as_select,
       if(engine = 'MaterializedView', create_table_query, '') FROM system.tables
WHERE database {OURS} AND NOT is_temporary AND name NOT LIKE '.inner%' ORDER BY database, name
"""  # noqa: S608 -- put together from constants
COLUMNS = f"""
SELECT database, table, name, type, comment, is_in_primary_key, default_expression FROM system.columns
WHERE database {OURS} ORDER BY database, table, position
"""  # noqa: S608 -- put together from constants
KINDS = {"View": "view", "MaterializedView": "materialized view", "LiveView": "view", "Dictionary": "dictionary"}
"""Engines that are no table's."""
NAME = r"(`(?:[^`\\]|\\.)*`|\w++)"
"""A name as the server writes it, as a pattern."""

Row = list[Any]
Name = tuple[str, str]


def columns_by_table(rows: list[Row]) -> dict[Name, list[Row]]:
    """The columns of each table, in their order."""
    return {(name[0], name[1]): list(group) for name, group in groupby(rows, key=itemgetter(0, 1))}


def made(member: Row, columns: list[Row]) -> Table:
    """One table of its rows in the two queries. ClickHouse has no references."""
    schema, name, engine, estimate, comment, text, _ = member
    return Table(
        schema=schema,
        name=name,
        kind=KINDS.get(engine, "table"),
        comment=comment or None,
        rows=None if estimate is None or engine in KINDS else int(estimate),
        columns=[
            Column(
                name=column,
                type=type_,
                nullable="Nullable(" in type_,
                default=default or None,
                comment=said or None,
            )
            for _, _, column, type_, said, _, default in columns
        ],
        primary_key=[column for _, _, column, _, _, key, _ in columns if key],
        definition=text or None,
    )


def quoted(name: str) -> str:
    """In backticks; a backslash escapes in them."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def unquoted(name: str) -> str:
    """What the server means by a name that it writes."""
    return re.sub(r"\\(.)", r"\1", name[1:-1], flags=re.DOTALL) if name.startswith("`") else name
