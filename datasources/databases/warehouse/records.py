"""Keys and edges from the rows of catalogue queries, where a product answers one row a column or a pair of tables."""

from collections.abc import Iterable, Mapping, Set

from datasources.databases.base import ColumnEdge, ForeignKey, LineageEdge, Origin, TableName
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Name


def primary_of(rows: Iterable[Row]) -> dict[Name, list[str]]:
    """Primary keys: rows of schema, table and column, in the order of the columns in the key."""
    found: dict[Name, list[str]] = {}
    for schema, table, column in rows:
        found.setdefault((schema, table), []).append(column)
    return found


def foreign_of(rows: Iterable[Row]) -> dict[Name, list[ForeignKey]]:
    """References: rows of schema, table, constraint, column, and schema, table and column there, in the key's order."""
    keys: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        keys.setdefault((row[0], row[1], str(row[2])), []).append(row)
    found: dict[Name, list[ForeignKey]] = {}
    for (schema, table, _), members in keys.items():
        there = TableName(members[0][4], members[0][5])
        key = ForeignKey(columns=[row[3] for row in members], table=there, referenced=[row[6] for row in members])
        found.setdefault((schema, table), []).append(key)
    return found


def edges_between(rows: Iterable[Row], origin: Origin, known: Iterable[Name] | None = None) -> list[LineageEdge]:
    """Rows of schema and table of the source, then of the target. Tables that are not `known` are in no edge."""
    seen = None if known is None else set(known)
    pairs = {((row[0], row[1]), (row[2], row[3])) for row in rows}
    return [
        LineageEdge(source=TableName(*source), target=TableName(*target), origin=origin)
        for source, target in sorted(pairs)
        if source != target and (seen is None or {source, target} <= seen)
    ]


def edges_by_columns(found: Mapping[tuple[TableName, TableName], Set[ColumnEdge]], origin: Origin) -> list[LineageEdge]:
    """Edges from pairs of source and target, each with its pairs of columns."""
    return [
        LineageEdge(
            source=source,
            target=target,
            columns=sorted({edge.source for edge in edges}),
            column_edges=sorted(edges),
            origin=origin,
        )
        for (source, target), edges in found.items()
    ]
