"""What one statement of the past writes, and from which tables."""

from collections.abc import Iterable

import sqlglot
from msgspec import Struct
from sqlglot import exp

from datasources.databases.view_lineage import LENGTH_LIMIT

WRITES = (exp.Insert, exp.Update, exp.Merge, exp.Create, exp.Into)


class Named(Struct, frozen=True):
    """A table as a statement names it: in lower case where it is not quoted, empty where a part is left out."""

    name: str
    schema: str = ""
    catalog: str = ""


class Write(Struct, frozen=True):
    """One table that a statement fills, and those that it reads for that."""

    target: Named
    sources: frozenset[Named]


class Deed(Struct, frozen=True):
    """What one text does; it may be several statements, or one within another."""

    writes: list[Write]
    temporary: frozenset[str]
    """Names of the tables that it makes for its session alone."""
    understood: bool = True
    """Whether all of it was."""


def deed_of(sql: str, dialect: str) -> Deed:
    """What a text does. Raises whatever sqlglot raises, and `ValueError` for a text that is too long.

    DELETE fills no table, and a view that is created is in the server's own records. Takes CPU: run it in a thread.
    """
    if len(sql) > LENGTH_LIMIT:
        raise ValueError("too long")
    writes, temporary, understood = list[Write](), set[str](), True
    for tree in sqlglot.parse(sql, dialect=dialect):
        if isinstance(tree, exp.Command):
            understood = False
            continue
        for node in tree.find_all(*WRITES) if tree is not None else ():
            target = _target(node)
            if target is None:
                continue
            if _is_temporary(node):
                temporary.add(_named(target).name)
                continue
            sources = frozenset(_named(table) for table in _sources(node, target) if not _is_of_session(table))
            if sources and not _is_of_session(target):
                writes.append(Write(_named(target), sources))
    return Deed(writes, frozenset(temporary), understood)


def _target(node: exp.Expr) -> exp.Table | None:
    """The table that it fills; None where it fills none, or the server knows better."""
    if isinstance(node, exp.Create) and node.kind != "TABLE":
        return None
    target: exp.Table | None = node.this.find(exp.Table) if node.this is not None else None
    if target is not None and isinstance(node, exp.Update) and not target.db:  # UPDATE o … FROM orders AS o
        joined = node.args.get("from_")
        tables = joined.find_all(exp.Table) if joined is not None else ()
        return next((table for table in tables if table.alias == target.name), target)
    return target


def _is_temporary(node: exp.Expr) -> bool:
    if isinstance(node, exp.Into):
        return bool(node.args.get("temporary"))
    properties = node.args.get("properties")
    return properties is not None and properties.find(exp.TemporaryProperty) is not None


def _is_of_session(table: exp.Table) -> bool:
    """Whether its name says that it is of one session (`#made`)."""
    return bool(table.this.args.get("temporary") or table.this.args.get("global_"))


def _sources(node: exp.Expr, target: exp.Table) -> Iterable[exp.Table]:
    """The tables that are read for it, also by way of the queries that a WITH names."""
    if isinstance(node, exp.Create):  # what a table refers to, or is like, is no source of its rows
        parts = [part for part in (node.expression, node.args.get("clone")) if part]
    elif isinstance(node, exp.Into):
        parts = [node.parent] if node.parent is not None else []
    else:
        parts = [node]
    found: dict[int, exp.Table] = {}
    for part in parts:
        _read(part, found, set())
    return [table for table in found.values() if table is not target]


def _read(node: exp.Expr, found: dict[int, exp.Table], followed: set[int]) -> None:
    for part in node.walk(prune=lambda each: isinstance(each, exp.With)):
        if not isinstance(part, exp.Table) or not part.name:
            continue
        query = _query_named(part)
        if query is None:
            found[id(part)] = part
        elif id(query) not in followed:
            followed.add(id(query))
            _read(query.this, found, followed)


def _query_named(table: exp.Table) -> exp.CTE | None:
    """The query of a WITH that this name means where it stands; None for a table."""
    if table.db:
        return None
    below: exp.Expr = table
    while below.parent is not None:
        above = below.parent
        for query in reversed(_seen_from(below, above)):
            if query.alias.lower() == table.name.lower():
                return query
        below = above
    return None


def _seen_from(below: exp.Expr, above: exp.Expr) -> list[exp.CTE]:
    """The queries whose names mean something in `below`, because of what stands in `above`."""
    if isinstance(above, exp.With):
        queries: list[exp.CTE] = above.expressions
        return queries if above.args.get("recursive") else queries[: [id(each) for each in queries].index(id(below))]
    known = above.args.get("with_")
    return known.expressions if known is not None and known is not below else []


def _named(table: exp.Table) -> Named:
    return Named(_folded(table.this), _folded(table.args.get("db")), _folded(table.args.get("catalog")))


def _folded(part: exp.Expr | None) -> str:
    if part is None:
        return ""
    return part.name if part.args.get("quoted") else part.name.lower()
