"""What the service keeps of schemas and lineage, as it answers it."""

from datetime import datetime
from typing import Any

from msgspec import Struct


class Column(Struct, frozen=True):
    """One column; `column_kind` is a word that all products have in common."""

    column_name: str
    column_type: str
    column_position: int
    is_nullable: bool
    is_primary_key: bool
    is_foreign_key: bool
    column_kind: str | None = None
    default_value: str | None = None
    column_comment: str | None = None


class Table(Struct, frozen=True):
    """One table or view."""

    table_name: str
    table_type: str
    columns: list[Column] = []
    row_count: int | None = None
    """The server's own estimate."""
    table_comment: str | None = None


class SchemaTables(Struct, frozen=True):
    """The tables of one schema."""

    schema_name: str
    tables: list[Table]


class TablePage(Struct, frozen=True):
    """A page of a source's tables; `next_cursor` asks for the next one."""

    data_source_id: int
    schemas: list[SchemaTables]
    last_discovered_at: datetime | None = None
    next_cursor: str | None = None


class FoundTable(Struct, frozen=True):
    """A table whose names or comments hold what was searched for."""

    data_source_id: int
    data_source_name: str
    schema_name: str
    table_name: str
    table_type: str
    matches: list[dict[str, str]] = []


class FoundTables(Struct, frozen=True):
    """A page of what a search found."""

    tables: list[FoundTable]
    next_cursor: str | None = None


class SchemaChange(Struct, frozen=True):
    """One difference between two downloads; `part` is `schema` or `lineage`."""

    id: int
    part: str
    change: str
    schema_name: str
    table_name: str
    details: dict[str, Any]
    version: int
    changed_at: datetime
    job_id: int
    announced: bool = False


class SchemaChanges(Struct, frozen=True):
    """A page of changes, newest first."""

    data_source_id: int
    changes: list[SchemaChange]
    next_cursor: str | None = None


class Edge(Struct, frozen=True):
    """The target is made from the source."""

    source_schema: str
    source_table: str
    target_schema: str
    target_table: str
    origin: str
    columns: list[str] = []
    column_edges: list[dict[str, str]] = []


class Lineage(Struct, frozen=True):
    """Edges around a table, nearest first, or a page of all; or OpenLineage's `events`."""

    data_source_id: int
    edges: list[Edge] = []
    events: list[dict[str, Any]] = []
    truncated: bool = False
    next_cursor: str | None = None


class SchemaCount(Struct, frozen=True):
    """How much one schema holds."""

    schema_name: str
    tables_count: int
    views_count: int


class Discovery(Struct, frozen=True):
    """How much a source holds."""

    data_source_id: int
    schemas_discovered: list[SchemaCount]
    total_tables: int
    total_columns: int
    discovered_at: datetime
    discovery_duration_ms: int
