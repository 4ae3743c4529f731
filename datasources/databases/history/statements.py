"""Which table an earlier statement writes, and which tables it reads for that."""

from collections.abc import Callable, Iterable

import sqlglot
from msgspec import Struct
from sqlglot import exp

from datasources.databases.view_lineage import LENGTH_LIMIT

CASED = frozenset({"mysql", "mariadb", "clickhouse"})
"""Dialects in which an unquoted name of a table keeps its case."""
NAMES_OF_WITH: dict[str, Callable[[str], str]] = {
    "postgres": str.lower,
    "oracle": str.upper,
    "netezza": str.upper,
    "mysql": str,
    "clickhouse": str,
}
"""What a dialect makes of an unquoted name of a WITH; quoted, it keeps its case: to Oracle, `orders` is `"ORDERS"`, and
`"Orders"` is another name. All other dialects ignore the case of these names, quoted or not."""
PARSED_AS = {"netezza": "postgres", "mariadb": "mysql"}
"""Of dialects that sqlglot does not know, the one whose syntax they have."""
WRITES = (exp.Insert, exp.Update, exp.Merge, exp.Create, exp.Into)


class Named(Struct, frozen=True):
    """A table as a statement names it; a part that the statement leaves out is empty.

    Unquoted parts are in lower case, except in the dialects of `CASED`.
    """

    name: str
    schema: str = ""
    catalog: str = ""


class Write(Struct, frozen=True):
    """A table that a statement fills, and the tables that it reads for that."""

    target: Named
    sources: frozenset[Named]


class Deed(Struct, frozen=True):
    """What one text does; it may hold several statements, or one within another."""

    writes: list[Write]
    temporary: frozenset[str]
    """Names of the temporary tables that it makes."""
    understood: bool = True
    """Whether the parser understood all of it."""


def deed_of(sql: str, dialect: str) -> Deed:
    """What a text does. Raises what sqlglot raises, and `ValueError` for a text that is too long.

    DELETE fills no table, and CREATE VIEW is left out because the server records views itself. Takes CPU: run it in a
    thread.
    """
    if len(sql) > LENGTH_LIMIT:
        raise ValueError("too long")
    writes, temporary, understood, cased = list[Write](), set[str](), True, dialect in CASED
    for tree in sqlglot.parse(sql, dialect=PARSED_AS.get(dialect, dialect)):
        if isinstance(tree, exp.Command):
            understood = False
            continue
        for node in tree.find_all(*WRITES) if tree is not None else ():
            for target in _targets(node):
                if _is_temporary(node):
                    temporary.add(_named(target, cased).name)
                    continue
                read = (table for table in _sources(node, target, dialect) if not _is_of_session(table))
                sources = frozenset(_named(table, cased) for table in read)
                if sources and not _is_of_session(target):
                    writes.append(Write(_named(target, cased), sources))
    return Deed(writes, frozenset(temporary), understood)


def understood(sql: str, dialect: str) -> Deed | None:
    """What a text does; None if the parser understands nothing of it. No error or log quotes the text."""
    try:
        return deed_of(sql, dialect)
    except Exception:  # any user may have written the text, and a parser may fail at it in any way
        return None


def _targets(node: exp.Expr) -> list[exp.Table]:
    """The tables that it fills; for a view none, since the server records views itself."""
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
    """The tables whose columns `UPDATE orders AS o JOIN customer AS c … SET o.name = c.name` sets.

    Raises `ValueError` for a column without the name of its table.
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
    """Whether its name says that it belongs to one session (`#made`)."""
    return bool(table.this.args.get("temporary") or table.this.args.get("global_"))


def _sources(node: exp.Expr, target: exp.Table, dialect: str) -> Iterable[exp.Table]:
    """The tables that the statement reads to fill it, directly or through the queries of a WITH."""
    if isinstance(node, exp.Create):  # a table in REFERENCES or LIKE is no source of rows
        parts = [part for part in (node.expression, node.args.get("clone")) if part]
    elif isinstance(node, exp.Into):
        parts = [node.parent] if node.parent is not None else []
    else:
        parts = [node]
    found: dict[int, exp.Table] = {}
    for part in parts:
        _read(part, found, set(), dialect)
    return [table for table in found.values() if table is not target]


def _read(node: exp.Expr, found: dict[int, exp.Table], followed: set[int], dialect: str) -> None:
    for part in node.walk(prune=lambda each: isinstance(each, exp.With)):
        if not isinstance(part, exp.Table) or not part.name:
            continue
        query = _query_named(part, dialect)
        if query is None:
            found[id(part)] = part
        elif id(query) not in followed:
            followed.add(id(query))
            _read(query.this, found, followed, dialect)


def _query_named(table: exp.Table, dialect: str) -> exp.CTE | None:
    """The query of a WITH that this name refers to; None if it refers to a table."""
    if table.db:
        return None
    wanted = _compared(table, dialect)
    below: exp.Expr = table
    while below.parent is not None:
        above = below.parent
        for query in reversed(_seen_from(below, above)):
            if _compared(query.args.get("alias"), dialect) == wanted:
                return query
        below = above
    return None


def _compared(named: exp.Expr | None, dialect: str) -> str:
    """The name of a table, or of a query of a WITH, as this dialect compares it."""
    part = named.this if isinstance(named, exp.Table | exp.TableAlias) else named
    if part is None:
        return ""
    fold = NAMES_OF_WITH.get(dialect)
    if fold is not None and part.args.get("quoted"):
        return part.name
    return (fold or str.lower)(part.name)


def _seen_from(below: exp.Expr, above: exp.Expr) -> list[exp.CTE]:
    """The queries of a WITH in `above` whose names are visible in `below`."""
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
