"""Rows of CockroachDB's catalogue as columns and keys."""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from datasources.databases.base import Column, ForeignKey, TableName
from datasources.databases.warehouse.catalog import Name

MemberRow = tuple[str, str, str, str | None, str | None]
ColumnRow = tuple[str, str, str, str, str, str | None, str | None]
KeyRow = tuple[str, str, str, str | None, str | None, str, str | None]
"""Of one column of a key: its table, the constraint, the table that it refers to, and the column there."""
CountRow = tuple[str, str, Annotated[int, Meta(ge=0, le=2**63 - 1)]]

KINDS = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table"}
HIDDEN = ("rowid", "unique_rowid()")
"""Name and default of the column that a table without a primary key is given."""
SHARD = "crdb_internal_"
"""What the names of columns begin with that the server keeps for its indexes."""


def columns_of(rows: Iterable[ColumnRow]) -> Iterable[tuple[str, str, Column]]:
    """The columns that a user has made, with their tables; the server's own are left out."""
    for schema, table, name, type_, not_null, default, comment in rows:
        if (name, default) == HIDDEN or name.startswith(SHARD):
            continue
        column = Column(name=name, type=type_, nullable=not_null != "t", default=default, comment=comment or None)
        yield schema, table, column


def keys_of(rows: Iterable[KeyRow]) -> tuple[dict[Name, list[str]], dict[Name, list[ForeignKey]]]:
    """Primary keys and references by table; the hidden column is no key."""
    primary: dict[Name, list[str]] = {}
    foreign: dict[tuple[Name, str], ForeignKey] = {}
    for schema, table, constraint, there_schema, there, column, referenced in rows:
        if column == HIDDEN[0] or column.startswith(SHARD):
            continue
        if there is None or there_schema is None:
            primary.setdefault((schema, table), []).append(column)
            continue
        empty = ForeignKey(columns=[], table=TableName(there_schema, there), referenced=[])
        key = foreign.setdefault(((schema, table), constraint), empty)
        key.columns.append(column)
        key.referenced.append(referenced or "")
    by_table: dict[Name, list[ForeignKey]] = {}
    for (name, _), key in foreign.items():
        by_table.setdefault(name, []).append(key)
    return primary, by_table
