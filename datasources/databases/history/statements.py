"""What one statement of the past writes, and from which tables."""

from collections.abc import Iterable

import sqlglot
from msgspec import Struct
from sqlglot import exp

from datasources.databases.view_lineage import LENGTH_LIMIT

CASED = frozenset({"mysql", "clickhouse"})
"""Dialects in which a name keeps its case without quotes."""
WRITES = (exp.Insert, exp.Update, exp.Merge, exp.Create, exp.Into)


class Named(Struct, frozen=True):
    """A table as a statement names it; empty where a part is left out.

    In lower case where it is not quoted and the dialect is none of `CASED`.
    """

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
    writes, temporary, understood, cased = list[Write](), set[str](), True, dialect in CASED
    for tree in sqlglot.parse(sql, dialect=dialect):
        if isinstance(tree, exp.Command):
            understood = False
            continue
        for node in tree.find_all(*WRITES) if tree is not None else ():
            for target in _targets(node):
                if _is_temporary(node):
                    temporary.add(_named(target, cased).name)
                    continue
                read = (table for table in _sources(node, target) if not _is_of_session(table))
                sources = frozenset(_named(table, cased) for table in read)
                if sources and not _is_of_session(target):
                    writes.append(Write(_named(target, cased), sources))
    return Deed(writes, frozenset(temporary), understood)


def understood(sql: str, dialect: str) -> Deed | None:
    """What a text does; None where nothing of it is understood. Nothing of it is in any error or log."""
    try:
        return deed_of(sql, dialect)
    except Exception:  # texts are anybody's, and so are the ways in which a parser fails at them
        return None


def _targets(node: exp.Expr) -> list[exp.Table]:
    """The tables that it fills; none where it fills none, or the server knows better."""
    if isinstance(node, exp.Create) and node.kind != "TABLE":
        return []
    if isinstance(node, exp.Update) and node.this is not None and node.this.args.get("joins"):
        return _set_in_join(node)
    target: exp.Table | None = node.this.find(exp.Table) if node.this is not None else None
    if target is not None and isinstance(node, exp.Update) and not target.db:  # UPDATE o … FROM orders AS o
        joined = node.args.get("from_")
        tables = joined.find_all(exp.Table) if joined is not None else ()
        target = next((table for table in tables if table.alias == target.name), target)
    return [target] if target is not None else []


def _set_in_join(node: exp.Update) -> list[exp.Table]:
    """Of `UPDATE orders AS o JOIN customer AS c … SET o.name = c.name`, the tables whose columns are set.

    Raises `ValueError` where a column does not say whose it is.
    """
    joined = [node.this, *(join.this for join in node.this.args["joins"])]
    tables = {table.alias_or_name: table for table in joined if isinstance(table, exp.Table)}
    names = dict.fromkeys(pair.this.table if isinstance(pair.this, exp.Column) else "" for pair in node.expressions)
    if not names.keys() <= tables.keys():
        raise ValueError("whose column is set?")
    return [tables[name] for name in names]


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


def _named(table: exp.Table, cased: bool) -> Named:
    parts = (table.this, table.args.get("db"), table.args.get("catalog"))
    return Named(*(_folded(part, cased) for part in parts))


def _folded(part: exp.Expr | None, cased: bool) -> str:
    if part is None:
        return ""
    return part.name if cased or part.args.get("quoted") else part.name.lower()
