"""Lineage edges from the texts of earlier statements that fill one table from others."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from msgspec import Struct

from datasources.databases.base import LineageEdge, Origin, TableName
from datasources.databases.history.statements import Deed, Named, understood

MOST_STATEMENTS = 5000
"""How many statements are read at most; the latest ones."""
Name = tuple[str, str]
"""Schema and table."""


class Written(Struct, frozen=True):
    """An earlier statement, with the schema and database that its unqualified names belong to."""

    sql: str
    schema: str = ""
    database: str = ""


class AmbiguousName(Exception):
    """A name that may have meant one of several tables."""


class Names(Protocol):
    """Resolves the names in statements."""

    def find(self, named: Named, statement: Written) -> TableName | None:
        """The table; None if it is elsewhere, gone, or hidden from the user. Raises `AmbiguousName`."""


class FoldedNames:
    """Names on a server that ignores case."""

    def __init__(self, known: Iterable[Name], database: str) -> None:
        self._tables = {(schema.lower(), name.lower()): TableName(schema, name) for schema, name in known}
        self._database = database

    def find(self, named: Named, statement: Written) -> TableName | None:
        """The table; a name without schema or database belongs to those of the statement."""
        if (named.catalog or statement.database or self._database).lower() != self._database.lower():
            return None
        return self._tables.get(((named.schema or statement.schema).lower(), named.name.lower()))


def edges_by(statements: Iterable[Written], names: Names, dialect: str) -> tuple[list[LineageEdge], int, int]:
    """Parse these statements, and return what `edges_from` finds. May use CPU without end: see `edges_apart`."""
    return edges_from([(statement, understood(statement.sql, dialect)) for statement in statements], names)


def edges_from(read: Sequence[tuple[Written, Deed | None]], names: Names) -> tuple[list[LineageEdge], int, int]:
    """The edges, the number of statements that fill one table from others, and how many were not understood.

    No edge has a table that is gone or that the user cannot see. If a statement made a temporary table, its name
    without a schema is ambiguous: it may mean that table or a permanent one.
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
