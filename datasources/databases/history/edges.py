"""Edges from the texts of earlier statements: of those that write one table from others."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from msgspec import Struct

from datasources.databases.base import LineageEdge, Origin, TableName
from datasources.databases.history.statements import Deed, Named, understood

MOST_STATEMENTS = 5000
"""That are read; the latest of them."""
Name = tuple[str, str]
"""Schema and table."""


class Written(Struct, frozen=True):
    """One statement of the past, and the schema and database in which a name without them is found."""

    sql: str
    schema: str = ""
    database: str = ""


class AmbiguousName(Exception):
    """A name of which it is not known what table it meant."""


class Names(Protocol):
    """What the names in statements mean."""

    def find(self, named: Named, statement: Written) -> TableName | None:
        """The table; None for one that is elsewhere, gone, or not to be seen. Raises `AmbiguousName`."""


class FoldedNames:
    """Where names that differ only in case are the same."""

    def __init__(self, known: Iterable[Name], database: str) -> None:
        self._tables = {(schema.lower(), name.lower()): TableName(schema, name) for schema, name in known}
        self._database = database

    def find(self, named: Named, statement: Written) -> TableName | None:
        """By the schema and the database of the statement where the name has none."""
        if (named.catalog or statement.database or self._database).lower() != self._database.lower():
            return None
        return self._tables.get(((named.schema or statement.schema).lower(), named.name.lower()))


def edges_by(statements: Iterable[Written], names: Names, dialect: str) -> tuple[list[LineageEdge], int, int]:
    """What `edges_from` answers of what these statements do. Takes CPU, and no end is sure: see `edges_apart`."""
    return edges_from([(statement, understood(statement.sql, dialect)) for statement in statements], names)


def edges_from(read: Sequence[tuple[Written, Deed | None]], names: Names) -> tuple[list[LineageEdge], int, int]:
    """The edges, the number of statements that made one table from others, and how many were not understood.

    Tables that the user cannot see, or that are gone, are in no edge. A name without a schema is taken for no table
    where a statement made a temporary one of that name: which of the two was meant is not known.
    """
    temporary = frozenset[str]().union(*(deed.temporary for _, deed in read if deed))
    found: set[tuple[TableName, TableName]] = set()
    count = unread = 0
    for statement, deed in read:
        if deed is None:
            unread += 1
            continue
        certain = deed.understood
        for write in deed.writes:
            ends = list[TableName | None]()
            for named in (write.target, *write.sources):
                try:
                    ends.append(_find(named, statement, names, temporary))
                except AmbiguousName:
                    certain = False
                    ends.append(None)
            target, *sources = ends
            found |= {(source, target) for source in sources if target and source and source != target}
        count += bool(deed.writes)
        unread += not certain
    return (
        [LineageEdge(source=source, target=target, origin=Origin.query_history) for source, target in sorted(found)],
        count,
        unread,
    )


def _find(named: Named, statement: Written, names: Names, temporary: frozenset[str]) -> TableName | None:
    if not named.schema and named.name in temporary:
        raise AmbiguousName
    return names.find(named, statement)
