"""What is kept of a table or an edge: within its limits, without secrets, with the fingerprint it is compared by."""

import zlib
from collections.abc import Iterator
from hashlib import blake2b
from typing import TypeVar

import msgspec
from msgspec import Struct, structs

from datasources.databases.base import Column, LineageEdge, Table, TableName
from datasources.secrecy.scrubber import Scrubber

SCHEMA_BYTES, NAME_BYTES = 400, 900
"""Of a schema's and a table's name; a longer one ends in a fingerprint of the rest. Both together fit into an index."""
TEXT_LIMIT = 4_000
"""Characters of a comment, a default, a type or a column's name."""
DEFINITION_LIMIT = 200_000
"""Characters of a view's text."""
SEARCHED_LIMIT = 200_000
"""Characters of names and comments that a search looks at."""
LEVEL = 1
"""Of the compression: higher ones take longer and save little of so small texts."""

T = TypeVar("T", Table, LineageEdge)


class Encoded(Struct, frozen=True):
    """A table as it is compared."""

    table: Table
    """Within the limits, without secrets, and without the estimate of its rows."""
    rows: int | None
    fingerprint: bytes
    """Of everything but that."""
    raw: bytes

    @property
    def name(self) -> TableName:
        """Schema and name."""
        return TableName(self.table.schema, self.table.name)


class KeptForm(Struct, frozen=True):
    """A table, ready to be stored."""

    name: TableName
    kind: str
    column_count: int
    rows: int | None
    fingerprint: bytes
    shape: bytes
    content: bytes
    searched: str


class KeptEdgeForm(Struct, frozen=True):
    """An edge, ready to be stored."""

    edge: LineageEdge
    fingerprint: bytes
    content: bytes

    @property
    def key(self) -> tuple[TableName, TableName, str]:
        """What makes it the same edge: its ends, and where it was learnt."""
        return self.edge.source, self.edge.target, self.edge.origin


def encoded(table: Table, scrubber: Scrubber) -> Encoded:
    """The table as it is compared. Most tables are as they were, and need no more than this."""
    whole = " ".join(_texts(table))
    if not _is_fit(whole, scrubber):
        table = msgspec.convert(_storable(scrubber.data(msgspec.to_builtins(table))), Table)
    if len(whole) > TEXT_LIMIT or len(table.schema) > SCHEMA_BYTES // 4 or len(table.name) > NAME_BYTES // 4:
        table = _cut_table(table)
    return _encoded(structs.replace(table, rows=None), table.rows)


def _encoded(table: Table, rows: int | None) -> Encoded:
    raw = msgspec.json.encode(table)
    return Encoded(table=table, rows=rows, fingerprint=_digest(raw), raw=raw)


def form_of(found: Encoded) -> KeptForm:
    """The table as it is stored."""
    table = found.table
    shape = msgspec.json.encode([(column.name, column.type) for column in table.columns])
    return KeptForm(
        name=found.name,
        kind=table.kind,
        column_count=len(table.columns),
        rows=found.rows,
        fingerprint=found.fingerprint,
        shape=_digest(shape) if table.columns else b"",
        content=zlib.compress(found.raw, LEVEL),
        searched=_searched(table),
    )


def with_definition(found: Encoded, definition: str | None) -> Encoded:
    """The same view with this text."""
    return _encoded(structs.replace(found.table, definition=definition), found.rows)


def edge_form_of(edge: LineageEdge, scrubber: Scrubber) -> KeptEdgeForm:
    """The edge as it is kept."""
    names = [edge.source.schema, edge.source.name, edge.target.schema, edge.target.name, *edge.columns]
    names += [name for pair in edge.column_edges for name in (pair.source, pair.target)]
    if not _is_fit(" ".join(names), scrubber):
        edge = msgspec.convert(_storable(scrubber.data(msgspec.to_builtins(edge))), LineageEdge)
    if any(len(name) > SCHEMA_BYTES // 4 for name in names[:4]):
        edge = structs.replace(edge, source=_short(edge.source), target=_short(edge.target))
    content = msgspec.json.encode(edge)
    return KeptEdgeForm(edge=edge, fingerprint=_digest(content), content=zlib.compress(content, LEVEL))


def read_table(content: bytes, rows: int | None = None) -> Table:
    """A kept table with the estimate that belongs to it."""
    return structs.replace(_read(content, Table), rows=rows)


def read_edge(content: bytes) -> LineageEdge:
    """A kept edge."""
    return _read(content, LineageEdge)


def raw_of(content: bytes) -> bytes:
    """The JSON of a kept table or edge."""
    return zlib.decompress(content)


def _read(content: bytes, kind: type[T]) -> T:
    return msgspec.json.decode(raw_of(content), type=kind)


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()


def _is_fit(text: str, scrubber: Scrubber) -> bool:
    """Whether it can be stored as it is: most texts can, and a quick look tells."""
    if "\0" in text or scrubber.suspects(text):
        return False
    return text.isascii() or _encodes(text)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(table: Table) -> Iterator[str]:
    """Everything that the server has written."""
    yield from (table.schema, table.name, table.comment or "", table.definition or "")
    for column in table.columns:
        yield column.name
        yield column.type
        if column.default is not None:
            yield column.default
        if column.comment is not None:
            yield column.comment
    for key in table.foreign_keys:
        yield from (key.table.schema, key.table.name, *key.referenced)


def _searched(table: Table) -> str:
    """Names and comments, as a search looks at them."""
    said = [table.schema, table.name, table.comment or ""]
    for column in table.columns:
        said += (column.name, column.comment) if column.comment else (column.name,)
    return "\n".join(said).lower()[:SEARCHED_LIMIT]


def _cut_table(table: Table) -> Table:
    name = _short(TableName(table.schema, table.name))
    return structs.replace(
        table,
        schema=name.schema,
        name=name.name,
        comment=table.comment and table.comment[:TEXT_LIMIT],
        definition=table.definition and table.definition[:DEFINITION_LIMIT],
        columns=[_cut_column(column) for column in table.columns],
    )


def _cut_column(column: Column) -> Column:
    return structs.replace(
        column,
        name=column.name[:TEXT_LIMIT],
        type=column.type[:TEXT_LIMIT],
        default=column.default and column.default[:TEXT_LIMIT],
        comment=column.comment and column.comment[:TEXT_LIMIT],
    )


def _short(name: TableName) -> TableName:
    return TableName(_cut_name(name.schema, SCHEMA_BYTES), _cut_name(name.name, NAME_BYTES))


def _cut_name(name: str, most: int) -> str:
    raw = name.encode()
    if len(raw) <= most:
        return name
    rest = blake2b(raw, digest_size=6).hexdigest()
    return f"{raw[: most - len(rest) - 1].decode(errors='ignore')}~{rest}"


def _storable(value: object) -> object:
    """Plain data with a mark in place of what no text in PostgreSQL may have: NUL, and halves of characters."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {name: _storable(item) for name, item in value.items()}
    return value
