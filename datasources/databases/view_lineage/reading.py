"""What a view reads according to its text, and which columns it makes of that."""

import logging
from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct
from sqlglot import TokenType, exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from datasources.databases.base import ColumnEdge
from datasources.databases.view_lineage.agreement import Claim
from datasources.databases.view_lineage.names import KnownNames, Name
from datasources.databases.view_lineage.origins import Origins, is_made, selects_of, source_behind

LENGTH_LIMIT = 200_000
"""How many characters of a definition are parsed; a longer one counts as unread."""

LITERAL_LIMIT = 1000
"""How many characters of a literal are parsed: what it says makes no difference to lineage, and sqlglot looks for
intervals and time zones in it with patterns that begin again at each digit."""

LITERALS = frozenset({TokenType.NUMBER, *(kind for kind in TokenType if kind.name.split("_")[-1] == "STRING")})
RECURSIVE_UNSAID = frozenset({"oracle", "tsql"})
"""Dialects in which a query may read itself without the word RECURSIVE."""

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # its warnings quote the definitions


class View(Struct, frozen=True):
    """A view as the server keeps it."""

    schema: str
    name: str
    definition: str | None
    """The whole statement or its query; None if the user may not read it."""
    recorded: list[Name] | None = None
    """The tables that it reads according to the server's own record; None if the server keeps none of this view."""


class Reading(Struct, frozen=True):
    """What a text says."""

    claim: Claim
    made: dict[Name, set[ColumnEdge]]
    """Which columns of the view are made from which, by source table."""


class Unreadable(Exception):
    """A view's text does not tell what the view reads."""


def read_view(view: View, known: KnownNames, dialect: str) -> Reading:
    """Parse its text. Raises `Unreadable` if sqlglot does not understand it, or takes it for a command."""
    try:
        return _read(view, known, dialect)
    except Unreadable:
        raise
    except Exception as error:  # an error of sqlglot, or a bug in it: a server may send any text
        raise Unreadable from error


def _read(view: View, known: KnownNames, dialect: str) -> Reading:
    scopes = list(traverse_scope(_query(view, known, dialect)))
    answer = scopes[-1].expression
    columns = selects_of(answer)
    names, origins = known.columns_of(view.schema, view.name), Origins(scopes)
    made: dict[Name, set[ColumnEdge]] = {}
    for number, projection in enumerate(columns):
        target = names[number] if number < len(names) else projection.alias_or_name
        for origin in origins.of(answer, number):
            if not known.is_elsewhere(origin.table):
                source = known.column(origin.table.db, origin.table.name, origin.column)
                found = made.setdefault(known.table(origin.table.db, origin.table.name), set())
                found.add(ColumnEdge(source, target))
    return Reading(_claim(scopes, len(columns), known), made)


def _claim(scopes: Iterable[Scope], made: int, known: KnownNames) -> Claim:
    """Every table and column that the text names."""
    read: dict[Name, set[str]] = {}
    lost = 0
    for scope in scopes:
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and source.name and not known.is_elsewhere(source):
                read.setdefault(known.table(source.db, source.name), set())
        for column in scope.columns:
            if isinstance(column, exp.Pseudocolumn):
                continue
            table = source_behind(scope, column.table)
            if isinstance(table, exp.Table):
                if table.name and not known.is_elsewhere(table):
                    named = read.setdefault(known.table(table.db, table.name), set())
                    named.add(known.column(table.db, table.name, column.name))
            elif table is None or not is_made(table, column.name):
                lost += 1
    return Claim(read=read, made=made, lost=lost)


def _query(view: View, known: KnownNames, dialect: str) -> exp.Query:
    if view.definition is None or not view.definition.strip() or len(view.definition) > LENGTH_LIMIT:
        raise Unreadable
    statements = _statements(view.definition, dialect)
    tree = statements[0] if len(statements) == 1 else None
    query = tree.expression if isinstance(tree, exp.Create) else tree
    if not isinstance(query, exp.Query):
        raise Unreadable
    if known.folded:  # quotes then matter only to a dialect that folds names to upper case
        for name in query.find_all(exp.Identifier):
            name.set("quoted", False)
    if dialect in RECURSIVE_UNSAID:
        for tables in query.find_all(exp.With):
            tables.set("recursive", True)
    if view.recorded:
        _complete(query, view.recorded, known)
    return qualify(
        query,
        dialect=dialect,
        schema=known.schema,
        db=known.fold(view.schema)[0],
        validate_qualify_columns=False,
        quote_identifiers=False,
        identify=False,
    )


def _statements(text: str, dialect: str) -> Sequence[exp.Expr | None]:
    """As `sqlglot.parse` reads them, but for the ends of long literals."""
    spoken = Dialect.get_or_raise(dialect)
    tokens = spoken.tokenize(text)
    for token in tokens:
        if len(token.text) > LITERAL_LIMIT and token.token_type in LITERALS:
            token.text = token.text[:LITERAL_LIMIT]
    return spoken.parser().parse(tokens, text)


def _complete(query: exp.Query, recorded: Collection[Name], known: KnownNames) -> None:
    """Give an unqualified table the schema of the only recorded table of its name: it need not be the view's own."""
    schemas: dict[str, set[str]] = {}
    for schema, table in recorded:
        schemas.setdefault(known.fold(table)[0], set()).add(schema)
    for scope in traverse_scope(query):
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and source.name and not source.db:
                found = schemas.get(known.fold(source.name)[0], set())
                if len(found) == 1:
                    source.set("db", exp.to_identifier(known.fold(*found)[0], quoted=not known.folded))
