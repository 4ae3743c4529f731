"""Traces the columns of a query's result to tables, through the queries inside it."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlglot import exp
from sqlglot.optimizer.scope import Scope


class Origin(NamedTuple):
    """A column of a table, as the definition names it."""

    table: exp.Table
    column: str


class Origins:
    """Where the columns of a query's result come from; joins and filters around them do not count."""

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self._home: dict[int, Scope] = {}
        for scope in scopes:  # inner ones come first
            for column in scope.columns:
                self._home.setdefault(id(column), scope)
        self._known: dict[tuple[int, int], list[Origin]] = {}

    def of(self, query: exp.Expr, number: int) -> list[Origin]:
        """Where the column at this position in the query's result comes from."""
        key = (id(query), number)
        if key not in self._known:
            self._known[key] = []  # a recursive query reads itself
            self._known[key] = list(self._found(query, number))
        return self._known[key]

    def _found(self, query: exp.Expr, number: int) -> Iterator[Origin]:
        query = query.unnest()
        if isinstance(query, exp.SetOperation):
            for part in (query.left, query.right):
                yield from self.of(part, number)
            return
        for projection in selects_of(query)[number : number + 1]:
            for column in projection.find_all(exp.Column):
                if not isinstance(column, exp.Pseudocolumn):
                    yield from self._behind(column)

    def _behind(self, column: exp.Column) -> Iterator[Origin]:
        source = source_behind(self._home.get(id(column)), column.table)
        if isinstance(source, exp.Table) and source.name:
            yield Origin(source, column.name)
        elif isinstance(source, Scope):
            query = query_of(source)
            names = [select.alias_or_name for select in selects_of(query)]
            if column.name in names:
                yield from self.of(query, names.index(column.name))


def selects_of(query: exp.Expr) -> list[exp.Expr]:
    """The columns that a query selects."""
    return query.selects if isinstance(query, exp.Query) else []


def query_of(source: Scope) -> exp.Expr:
    """The query of a scope; a LATERAL query stands within parentheses."""
    found: exp.Expr = source.expression
    return found.this.unnest() if isinstance(found, exp.Lateral) and isinstance(found.this, exp.Subquery) else found


def source_behind(scope: Scope | None, alias: str) -> exp.Table | Scope | None:
    """The table or the query that an alias means, in this query or in one around it."""
    if not alias and scope is not None and len(scope.sources) == 1:  # the table's columns are not known
        alias = next(iter(scope.sources))
    while scope is not None:
        if alias in scope.sources:
            found: exp.Table | Scope = scope.sources[alias]
            return found
        scope = scope.parent
    return None


def is_made(source: Scope, column: str) -> bool:
    """Whether a query returns a column of this name; true for a function, whose columns are unknown."""
    query = query_of(source)
    return not isinstance(query, exp.Query) or column in [select.alias_or_name for select in selects_of(query)]
