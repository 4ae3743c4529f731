"""Edges from the texts of earlier statements: of those that write one table from others."""

from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

from datasources.databases.base import LineageEdge, Origin, TableName
from datasources.databases.history.statements import Deed, Named, deed_of

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


def edges_of(
    statements: Iterable[Written], known: Iterable[Name], dialect: str, database: str
) -> tuple[list[LineageEdge], int, int]:
    """The same as `edges_by`, where names that differ only in case are the same."""
    return edges_by(statements, FoldedNames(known, database), dialect)


def edges_by(statements: Iterable[Written], names: Names, dialect: str) -> tuple[list[LineageEdge], int, int]:
    """The edges, the number of statements that made one table from others, and how many were not understood.

    Tables that the user cannot see, or that are gone, are in no edge. A name without a schema is taken for no table
    where a statement made a temporary one of that name: which of the two was meant is not known. Nothing of a text is
    in any error or log. Takes CPU: run it in a thread.
    """
    deeds, unread = list[tuple[Written, Deed]](), 0
    for statement in statements:
        try:
            deeds.append((statement, deed_of(statement.sql, dialect)))
        except Exception:
            unread += 1
    temporary = frozenset[str]().union(*(deed.temporary for _, deed in deeds))
    found: set[tuple[TableName, TableName]] = set()
    count = 0
    for statement, deed in deeds:
        understood = deed.understood
        for write in deed.writes:
            ends = list[TableName | None]()
            for named in (write.target, *write.sources):
                try:
                    ends.append(_find(named, statement, names, temporary))
                except AmbiguousName:
                    understood = False
                    ends.append(None)
            target, *sources = ends
            found |= {(source, target) for source in sources if target and source and source != target}
        count += bool(deed.writes)
        unread += not understood
    return (
        [LineageEdge(source=source, target=target, origin=Origin.query_history) for source, target in sorted(found)],
        count,
        unread,
    )


def _find(named: Named, statement: Written, names: Names, temporary: frozenset[str]) -> TableName | None:
    if not named.schema and named.name in temporary:
        raise AmbiguousName
    return names.find(named, statement)
