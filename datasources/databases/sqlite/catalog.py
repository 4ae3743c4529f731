"""Tables and views of a file, in a constant number of queries for each batch."""

import json
import sqlite3
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from datasources.databases.base import Column, ForeignKey, Lineage, Table, TableName
from datasources.databases.view_lineage import View, lineage_of

SCHEMA = "main"
MEMBERS = """
SELECT name, CASE WHEN sql LIKE 'CREATE VIRTUAL TABLE%' THEN 'virtual table' ELSE type END, sql
FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name
"""
COLUMNS = """
SELECT m.value, x.name, x.type, x."notnull", x.pk, x.dflt_value
FROM json_each(?) AS m JOIN pragma_table_xinfo(m.value, 'main') AS x
WHERE x.hidden <> 1 ORDER BY m.key, x.cid
"""
REFERENCES = """
SELECT m.value, f.id, f."table", f."from", f."to" FROM json_each(?) AS m
JOIN pragma_foreign_key_list(m.value, 'main') AS f ORDER BY m.key, f.id, f.seq
"""


def members(connection: sqlite3.Connection) -> list[tuple[str, str, str | None]]:
    """Name, kind and definition of every table and view."""
    return connection.execute(MEMBERS).fetchall()


def described(batch: list[tuple[str, str, str | None]], connection: sqlite3.Connection) -> list[Table]:
    """These tables with their columns and keys; of a view that is broken, or a module that is not there, the name."""
    columns = _by_name(connection, COLUMNS, [name for name, _, _ in batch])
    references = _by_name(connection, REFERENCES, [name for name, kind, _ in batch if kind == "table"])
    parents = dict.fromkeys(row[2] for rows in references.values() for row in rows if row[4] is None)
    keys = {name: _key(rows) for name, rows in _by_name(connection, COLUMNS, list(parents)).items()}
    return [
        Table(
            schema=SCHEMA,
            name=name,
            kind=kind,
            columns=[_column(row, columns[name]) for row in columns.get(name, [])],
            primary_key=_key(columns.get(name, [])),
            foreign_keys=list(_foreign(references.get(name, []), keys)),
            definition=definition if kind == "view" else None,
        )
        for name, kind, definition in batch
    ]


def read_lineage(connection: sqlite3.Connection) -> Lineage:
    """What each view reads, by its definition."""
    found = members(connection)
    rows = _by_name(connection, COLUMNS, [name for name, _, _ in found])
    columns = {(SCHEMA, name): [row[1] for row in rows.get(name, [])] for name, _, _ in found}
    views = [View(SCHEMA, name, definition) for name, kind, definition in found if kind == "view"]
    return lineage_of(views, columns, "sqlite")


def _by_name(connection: sqlite3.Connection, query: str, names: list[str]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each table; one that makes the query fail is asked for by itself, and left out then."""
    try:
        rows = connection.execute(query, [json.dumps(names)]).fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname != "SQLITE_ERROR":
            raise
        if len(names) == 1:
            return {}
        half = len(names) // 2
        return _by_name(connection, query, names[:half]) | _by_name(connection, query, names[half:])
    return {name: list(group) for name, group in groupby(rows, key=itemgetter(0))}


def _key(rows: list[tuple[Any, ...]]) -> list[str]:
    return [row[1] for row in sorted(rows, key=itemgetter(4)) if row[4]]


def _column(row: tuple[Any, ...], rows: list[tuple[Any, ...]]) -> Column:
    _, name, kind, not_null, key, default = row
    rowid = bool(key) and kind.upper() == "INTEGER" and len(_key(rows)) == 1  # which cannot be null, whatever it says
    return Column(name=name, type=kind, nullable=not (not_null or rowid), default=default)


def _foreign(rows: list[tuple[Any, ...]], keys: dict[str, list[str]]) -> Iterator[ForeignKey]:
    for _, group in groupby(rows, key=itemgetter(1)):
        parts = list(group)
        parent = parts[0][2]
        referenced = [part[4] for part in parts if part[4] is not None] or keys.get(parent, [])
        yield ForeignKey(columns=[part[3] for part in parts], table=TableName(SCHEMA, parent), referenced=referenced)
