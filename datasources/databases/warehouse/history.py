"""What earlier statements have made from what: of those that write one table from others."""

from collections.abc import Iterable

import sqlglot
from msgspec import Struct
from sqlglot import exp
from sqlglot.errors import SqlglotError

from datasources.databases.base import LineageEdge, Origin, TableName
from datasources.databases.view_lineage import LENGTH_LIMIT
from datasources.databases.warehouse.catalog import Name

MOST_STATEMENTS = 5000
"""That are read; the latest of them."""


class Written(Struct, frozen=True):
    """One statement of the past, and the schema and database in which a name without them is found."""

    sql: str
    schema: str = ""
    database: str = ""


def edges_of(
    statements: Iterable[Written], known: Iterable[Name], dialect: str, database: str
) -> tuple[list[LineageEdge], int, int]:
    """The edges, the number of statements that made one table from others, and how many were not understood.

    Tables that the user cannot see, or that are gone, are in no edge. Takes CPU: run it in a thread.
    """
    tables = {(schema.lower(), name.lower()): TableName(schema, name) for schema, name in known}
    found: set[tuple[TableName, TableName]] = set()
    count = unread = 0
    for statement in statements:
        try:
            read = _read(statement, dialect)
        except (SqlglotError, RecursionError, ValueError, KeyError):
            unread += 1
            continue
        if read is None:
            continue
        count += 1
        target, sources = (
            _name(read[0], statement, database),
            [_name(table, statement, database) for table in read[1]],
        )
        made = tables.get(target) if target else None
        found |= {(tables[name], made) for name in sources if made and name in tables and tables[name] != made}
    return (
        [LineageEdge(source=source, target=target, origin=Origin.query_history) for source, target in sorted(found)],
        count,
        unread,
    )


def _read(statement: Written, dialect: str) -> tuple[exp.Table, list[exp.Table]] | None:
    """The table that is written, and those that are read; None for a statement of another kind."""
    if len(statement.sql) > LENGTH_LIMIT:
        raise ValueError("too long")
    tree = sqlglot.parse_one(statement.sql, dialect=dialect)
    if isinstance(tree, exp.Command):
        raise ValueError("not understood")
    written = tree.args.get("into") if isinstance(tree, exp.Select) else tree
    if not isinstance(written, exp.Into | exp.Insert | exp.Create | exp.Merge | exp.Update):
        return None
    target = written.this.find(exp.Table) if written.this is not None else None
    if target is None or (isinstance(tree, exp.Create) and tree.kind != "TABLE"):
        return None
    named = {cte.alias for cte in tree.find_all(exp.CTE)}
    tables = [table for table in tree.find_all(exp.Table) if table is not target]
    if isinstance(written, exp.Update) and not target.db:  # UPDATE o … FROM orders AS o
        target = next((table for table in tables if table.alias == target.name), target)
    sources = [table for table in tables if table is not target and (table.db or table.name not in named)]
    return (target, sources) if sources else None


def _name(table: exp.Table, statement: Written, database: str) -> Name | None:
    """Schema and name in lower case; None for a table of another database, or of a session of its own (`#made`)."""
    if table.this.args.get("temporary") or table.this.args.get("global_"):
        return None
    if (table.catalog or statement.database or database).lower() != database.lower():
        return None
    return (table.db or statement.schema).lower(), table.name.lower()
