"""What views read, and which table a materialized view fills."""

import re
from collections.abc import Iterator, Mapping, Sequence

from datasources.databases.base import ColumnEdge, Lineage, LineageEdge, Origin, TableName
from datasources.databases.clickhouse.catalog import KINDS, NAME, Name, Row, unquoted
from datasources.databases.view_lineage import View, lineage_of

FILLS = re.compile(
    rf"CREATE MATERIALIZED VIEW {NAME}\.{NAME}(?:(?! TO | AS |\(| ENGINE ).)* TO (?:{NAME}\.)?{NAME}(?: |\(|\Z)",
    re.DOTALL,
)
"""How the server writes a view that fills another table; one without `TO` keeps its rows in a table of its own."""


def read_lineage(tables: Sequence[Row], columns: Mapping[Name, list[Row]]) -> Lineage:
    """What each view reads, by the query that it is, and the tables that materialized views fill."""
    views = [View(row[0], row[1], row[5] or None) for row in tables if row[2] in KINDS and row[2] != "Dictionary"]
    names = {name: [row[2] for row in rows] for name, rows in columns.items()}
    read = lineage_of(views, names, "clickhouse", folded=False)
    edges = [*read.edges, *_filled(tables, names)]
    return Lineage(edges=sorted(edges, key=lambda edge: (edge.target, edge.source)), unread=read.unread)


def _filled(tables: Sequence[Row], columns: Mapping[Name, list[str]]) -> Iterator[LineageEdge]:
    """From each materialized view to the table that it fills: columns go by their names."""
    for schema, name, *_, statement in tables:
        target = filled_by(statement, schema)
        if target is not None:
            same = sorted({*columns.get((schema, name), [])} & {*columns.get(target, [])})
            yield LineageEdge(
                source=TableName(schema, name),
                target=TableName(*target),
                columns=same,
                column_edges=[ColumnEdge(column, column) for column in same],
                origin=Origin.dependency_record,
            )


def filled_by(statement: str, schema: str) -> Name | None:
    """The table that a materialized view fills, by the statement that made it; None for its own."""
    found = FILLS.match(statement)
    if found is None or found[4] == "INNER":
        return None
    return unquoted(found[3]) if found[3] else schema, unquoted(found[4])
