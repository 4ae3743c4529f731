"""What the server answered to our own queries, checked: a hostile server answers what it likes, of any type.

psycopg would load each value as the type that the server says it has; here everything is text, and then what our query
must have answered. Anything else is `Malformed`.
"""

from collections.abc import Collection, Sequence
from typing import Annotated, Literal, TypeVar

import msgspec
import psycopg
from msgspec import Meta, Struct
from psycopg import pq

from datasources.databases.base import Column, ForeignKey, LineageEdge, Origin, Table, TableName

T = TypeVar("T")
Row = Sequence[str | None]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]

KINDS = {"r": "table", "p": "partitioned table", "v": "view", "m": "materialized view", "f": "foreign table"}
"""relkind to the word in an answer. A partition is a table of its own, beside the partitioned one."""

UTF_8 = "utf-8"
ROWS = frozenset({pq.ExecStatus.TUPLES_OK, pq.ExecStatus.SINGLE_TUPLE})


class Malformed(ValueError):
    """The server's answer is none to what it was asked."""


class Me(Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A row of `queries.IDENTITY`."""

    user: str
    database: str


class _Table(Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A row of `queries.TABLES`; `columns` and `keys` are JSON."""

    schema: str
    name: str
    kind: Literal["r", "p", "v", "m", "f"]
    comment: str | None
    rows: Count | None
    columns: str
    keys: str
    definition: str | None


class _Edge(Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A row of `queries.LINEAGE`; `columns` is JSON."""

    source_schema: str
    source: str
    target_schema: str
    target: str
    columns: str


class _PrimaryKey(Struct, array_like=True, frozen=True, forbid_unknown_fields=True, tag="p"):
    table: None
    columns: list[str]
    referenced: None


class _ForeignKey(Struct, array_like=True, frozen=True, forbid_unknown_fields=True, tag="f"):
    table: tuple[str, str]
    columns: list[str]
    referenced: list[str]


def checked(result: pq.abc.PGresult | None, expected: Collection[int] = ROWS, codec: str = UTF_8) -> pq.abc.PGresult:
    """The result, when it is of an expected kind. Raises what the server said instead, or `Malformed`."""
    if result is None:
        raise Malformed("no result")
    if result.status == pq.ExecStatus.FATAL_ERROR:
        raise psycopg.errors.error_from_result(result, encoding=codec)
    if result.status not in expected:
        raise Malformed(f"unexpected {pq.ExecStatus(result.status).name}")
    return result


def rows_of(result: pq.abc.PGresult, codec: str = UTF_8) -> list[Row]:
    """The rows as texts; what is no text in this encoding is shown as U+FFFD."""
    columns = range(result.nfields)
    return [[_text(result.get_value(row, column), codec) for column in columns] for row in range(result.ntuples)]


def read(row: Row, kind: type[T]) -> T:
    """The row as what it has to be. Raises `Malformed`."""
    try:
        return msgspec.convert(row, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Malformed(str(error)) from error


def read_table(row: Row) -> Table:
    """A table from a row of `queries.TABLES`. Raises `Malformed`."""
    found = read(row, _Table)
    keys = _json(found.keys, list[_PrimaryKey | _ForeignKey])
    columns = _json(found.columns, list[tuple[str, str, bool, str | None, str | None]])
    return Table(
        schema=found.schema,
        name=found.name,
        kind=KINDS[found.kind],
        comment=found.comment,
        rows=found.rows,
        columns=[Column(name=n, type=t, nullable=null, default=d, comment=c) for n, t, null, c, d in columns],
        primary_key=next((key.columns for key in keys if isinstance(key, _PrimaryKey)), []),
        foreign_keys=[
            ForeignKey(columns=key.columns, table=TableName(*key.table), referenced=key.referenced)
            for key in keys
            if isinstance(key, _ForeignKey)
        ],
        definition=found.definition,
    )


def read_edge(row: Row) -> LineageEdge:
    """An edge from a row of `queries.LINEAGE`. Raises `Malformed`."""
    found = read(row, _Edge)
    return LineageEdge(
        source=TableName(found.source_schema, found.source),
        target=TableName(found.target_schema, found.target),
        columns=_json(found.columns, list[str]),
        origin=Origin.dependency_record,
    )


def _json(text: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed(str(error)) from error


def _text(value: bytes | None, codec: str) -> str | None:
    return None if value is None else value.decode(codec, errors="replace")
