"""What views read: by MySQL's own record of it, which MariaDB does not keep, and by their texts."""

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from datasources.databases.base import Lineage, LineageEdge, Origin, TableName, in_order
from datasources.databases.mysql.catalog import COLUMNS, VIEWS, Name, Row, rows
from datasources.databases.view_lineage import View, lineage_of

USAGE = """
SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_SCHEMA, VIEW_NAME FROM information_schema.VIEW_TABLE_USAGE
WHERE VIEW_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')
"""
UNKNOWN_TABLE = (1109, 1146)
"""How MySQL before 8.0.13 says that it keeps no record."""


def read_lineage(driver: Any, *, recorded: bool) -> tuple[Lineage, dict[Name, list[str]]]:
    """What each view reads, and the columns of every table by its name. `recorded`: the server may keep a record."""
    views = [View(*row) for row in rows(VIEWS, driver)]
    columns: dict[Name, list[str]] = {}
    for schema, table, column, *_ in rows(COLUMNS, driver):
        columns.setdefault((schema, table), []).append(column)
    record = _record(driver) if recorded else []
    return with_record(lineage_of(views, columns, "mysql", folded=False), record), columns


def with_record(read: Lineage, record: Sequence[Row]) -> Lineage:
    """The edges of the server's record, with the columns that the texts of the views name; and what only these tell.

    A view whose text the user may not see is empty there, and unread, unless the record says what it reads.
    """
    edges = {(edge.source, edge.target): edge for edge in read.edges}
    for source_schema, source, schema, name in record:
        ends = (TableName(source_schema, source), TableName(schema, name))
        known = edges.get(ends) or LineageEdge(source=ends[0], target=ends[1])
        edges[ends] = structs.replace(known, origin=Origin.dependency_record)
    told = {TableName(schema, name) for _, _, schema, name in record}
    return Lineage(
        edges=in_order(edges.values()),
        unread=[view for view in read.unread if view not in told],
    )


def _record(driver: Any) -> list[Row]:
    import pymysql

    try:
        return rows(USAGE, driver)
    except pymysql.MySQLError as error:
        if not error.args or error.args[0] not in UNKNOWN_TABLE:
            raise
        return []
