"""What views read, from their definitions: for servers that keep no record of it themselves."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

import sqlglot
from msgspec import Struct
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from datasources.databases.base import Lineage, LineageEdge, TableName

LENGTH_LIMIT = 200_000
"""Characters of a definition that is read; a longer one counts as unread."""

Name = tuple[str, str]
"""Schema and table."""

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # its warnings quote the definitions


class View(Struct, frozen=True):
    """A view as the server keeps it."""

    schema: str
    name: str
    definition: str | None
    """The whole statement or its query; None where the user may not read it."""


def lineage_of(
    views: Iterable[View], columns: Mapping[Name, Iterable[str]], dialect: str, *, folded: bool = True
) -> Lineage:
    """The edges of all views, and the views of which nothing is known.

    `columns` are those of every table and view, in their order: by them a star is resolved, and a column that is not
    qualified. `folded`: names that differ only in case are the same. A definition that sqlglot does not understand, or
    takes for a command, counts as unread: never as a view that reads nothing. Takes CPU: run it in a thread.
    """
    known = _Known(columns, folded=folded)
    found: dict[tuple[TableName, TableName], set[str]] = {}
    unread = []
    for view in views:
        target = TableName(view.schema, view.name)
        try:
            read = list(_read(view, known, dialect))
        except (_Unreadable, SqlglotError, RecursionError, ValueError, KeyError):
            unread.append(target)
            continue
        for (schema, table), names in read:
            found.setdefault((TableName(schema, table), target), set()).update(names)
    edges = [
        LineageEdge(source=source, target=target, columns=sorted(names))
        for (source, target), names in sorted(found.items(), key=lambda item: item[0][::-1])
    ]
    return Lineage(edges=edges, unread=sorted(unread))


class _Unreadable(Exception):
    """Nothing is known of what a view reads."""


class _Known:
    """The names of tables and columns, as the server writes them and as a definition may."""

    def __init__(self, columns: Mapping[Name, Iterable[str]], *, folded: bool) -> None:
        self._folded = folded
        self._tables = {self.fold(*name): name for name in columns}
        self._columns = {
            self.fold(*name): {self.fold(column)[0]: column for column in names} for name, names in columns.items()
        }
        self.schema: dict[str, object] = {}
        """As sqlglot wants it: schema, table, column, type; types do not matter here, and no table may be empty."""
        for (schema, table), names in self._columns.items():
            if names:
                tables = cast(dict[str, object], self.schema.setdefault(schema, {}))
                tables[table] = dict.fromkeys(names, "text")

    def fold(self, *names: str) -> tuple[str, ...]:
        return tuple(name.lower() for name in names) if self._folded else names

    def table(self, schema: str, table: str) -> Name:
        """The table as the server writes it, or as it is written here if the server does not show it."""
        return self._tables.get(self.fold(schema, table), (schema, table))

    def column(self, schema: str, table: str, column: str) -> str:
        """The same for a column."""
        return self._columns.get(self.fold(schema, table), {}).get(self.fold(column)[0], column)


def _read(view: View, known: _Known, dialect: str) -> Iterator[tuple[Name, set[str]]]:
    """Each table that this view reads, and which of its columns."""
    tree = _query(view, known, dialect)
    for scope in traverse_scope(tree):
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and source.name:
                yield known.table(source.db, source.name), set()
        for column in scope.columns:
            table = _source(scope, column.table)
            if table is not None and table.name:
                yield known.table(table.db, table.name), {known.column(table.db, table.name, column.name)}


def _query(view: View, known: _Known, dialect: str) -> exp.Query:
    if view.definition is None or not view.definition.strip() or len(view.definition) > LENGTH_LIMIT:
        raise _Unreadable
    statements = sqlglot.parse(view.definition, dialect=dialect)
    tree = statements[0] if len(statements) == 1 else None
    query = tree.expression if isinstance(tree, exp.Create) else tree
    if not isinstance(query, exp.Query):
        raise _Unreadable
    return qualify(
        query,
        dialect=dialect,
        schema=known.schema,
        db=known.fold(view.schema)[0],
        validate_qualify_columns=False,
        quote_identifiers=False,
        identify=False,
    )


def _source(scope: Scope | None, alias: str) -> exp.Table | None:
    """The table behind an alias, here or in a query around this one."""
    if not alias and scope is not None and len(scope.sources) == 1:  # of a table whose columns are not known
        alias = next(iter(scope.sources))
    while scope is not None:
        if alias in scope.sources:
            found = scope.sources[alias]
            return found if isinstance(found, exp.Table) else None
        scope = scope.parent
    return None
