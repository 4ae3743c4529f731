"""What is kept of a schema, as it is answered: the published shapes, with keys of ours beside them (contract 3.5)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from datasources.catalogue.schemas.reading.history import KeptChange
from datasources.catalogue.schemas.reading.overview import Overview
from datasources.catalogue.schemas.reading.search import Hit
from datasources.databases.base import LineageEdge, Table
from datasources.model.column_kinds import ColumnKind, kind_of

TABLE_TYPES = {
    "table": "BASE TABLE",
    "partitioned table": "BASE TABLE",
    "view": "VIEW",
    "materialized view": "MATERIALIZED VIEW",
    "foreign table": "FOREIGN TABLE",
}
"""A table's kind to the published word; any other kind is answered in capitals."""


class SchemaColumn(Struct, frozen=True, kw_only=True):
    """One column (published, but for `column_kind`)."""

    column_name: str
    column_type: str
    """As the server writes it."""
    column_kind: ColumnKind
    """The same in a word that all servers have in common."""
    column_position: int
    is_nullable: bool
    is_primary_key: bool
    is_foreign_key: bool
    default_value: str | None
    column_comment: str | None


class SchemaTable(Struct, frozen=True, kw_only=True):
    """One table or view (published, but for `table_comment`)."""

    table_name: str
    table_type: str
    columns: list[SchemaColumn]
    row_count: int | None
    """The server's own estimate."""
    discovered_at: datetime
    table_comment: str | None


class TablesOfSchema(Struct, frozen=True, kw_only=True):
    """The tables of one schema (published)."""

    schema_name: str
    tables: list[SchemaTable]


class KeptSchemas(Struct, frozen=True, kw_only=True):
    """A source's tables, by schema (published); `next_cursor` leads on where a page was asked for."""

    data_source_id: int
    schemas: list[TablesOfSchema]
    last_discovered_at: datetime | None
    next_cursor: str | UnsetType | None = UNSET


class DiscoveredSchema(Struct, frozen=True, kw_only=True):
    """How much one schema holds (published)."""

    schema_name: str
    tables_count: int
    views_count: int


class Discovery(Struct, frozen=True, kw_only=True):
    """How much a source holds (published)."""

    data_source_id: int
    schemas_discovered: list[DiscoveredSchema]
    total_tables: int
    """Views among them."""
    total_columns: int
    discovered_at: datetime
    discovery_duration_ms: int


class Reference(Struct, frozen=True, kw_only=True):
    """A foreign key."""

    columns: list[str]
    schema_name: str
    table_name: str
    referenced_columns: list[str]


class EdgeAnswer(Struct, frozen=True, kw_only=True):
    """`target` is made from `source`."""

    source_schema: str
    source_table: str
    target_schema: str
    target_table: str
    origin: str
    """Where it was learnt: `dependency_record`, `view_text` or `query_history`."""
    columns: list[str]
    """Those of the source that the target reads."""
    column_edges: list[dict[str, str]]
    """Which column of the target (`target`) is made from which of the source (`source`), where that is known."""


class OneTable(Struct, frozen=True, kw_only=True):
    """One table with everything that is known of it."""

    data_source_id: int
    schema_name: str
    table: SchemaTable
    primary_key: list[str]
    foreign_keys: list[Reference]
    definition: str | None
    """A view's text."""
    upstream: list[EdgeAnswer]
    """What it is made from, one step away."""
    downstream: list[EdgeAnswer]


class FoundTable(Struct, frozen=True, kw_only=True):
    """A table that a search found."""

    data_source_id: int
    data_source_name: str
    schema_name: str
    table_name: str
    table_type: str
    table_comment: str | None
    matches: list[dict[str, str]]
    """What holds the words: `field`, `text`, and `column_name` of a column's."""


class FoundTables(Struct, frozen=True, kw_only=True):
    """A page of what a search found."""

    tables: list[FoundTable]
    next_cursor: str | None


class ChangeAnswer(Struct, frozen=True, kw_only=True):
    """One difference between two downloads."""

    id: int
    part: str
    """`schema` or `lineage`."""
    change: str
    """`added`, `removed`, `renamed` or `changed`."""
    schema_name: str
    table_name: str
    details: dict[str, Any]
    """What was and what became, by facet and column; of lineage, the edge."""
    version: int
    changed_at: datetime
    job_id: int
    announced: bool
    """Whether an event was sent to Prefect."""


class SchemaChanges(Struct, frozen=True, kw_only=True):
    """A page of changes, newest first."""

    data_source_id: int
    changes: list[ChangeAnswer]
    next_cursor: str | None


def table_type(kind: str) -> str:
    """The published word for a kind of table."""
    return TABLE_TYPES.get(kind, kind.upper())


def table_of(table: Table, discovered_at: datetime, *, columns: bool = True) -> SchemaTable:
    """A table in the published shape."""
    keys = {name for key in table.foreign_keys for name in key.columns}
    return SchemaTable(
        table_name=table.name,
        table_type=table_type(table.kind),
        columns=[
            SchemaColumn(
                column_name=column.name,
                column_type=column.type,
                column_kind=kind_of(column.type),
                column_position=place,
                is_nullable=column.nullable,
                is_primary_key=column.name in table.primary_key,
                is_foreign_key=column.name in keys,
                default_value=column.default,
                column_comment=column.comment,
            )
            for place, column in enumerate(table.columns, 1)
        ]
        if columns
        else [],
        row_count=table.rows,
        discovered_at=discovered_at,
        table_comment=table.comment,
    )


def by_schema(tables: Sequence[Table], discovered_at: datetime, *, columns: bool) -> list[TablesOfSchema]:
    """Tables in the order of their schemas, each schema with its own."""
    found: dict[str, list[SchemaTable]] = {}
    for table in tables:
        found.setdefault(table.schema, []).append(table_of(table, discovered_at, columns=columns))
    return [TablesOfSchema(schema_name=schema, tables=made) for schema, made in found.items()]


def discovery_of(source_id: int, overview: Overview, schema_name: str | None) -> Discovery:
    """How much was found last, in all or in one schema."""
    chosen = {
        name: figures
        for name, figures in sorted(overview.figures.schemas.items())
        if schema_name is None or name == schema_name
    }
    whole = schema_name is None
    return Discovery(
        data_source_id=source_id,
        schemas_discovered=[
            DiscoveredSchema(schema_name=name, tables_count=figures.tables, views_count=figures.views)
            for name, figures in chosen.items()
        ],
        total_tables=overview.figures.tables if whole else sum(f.tables + f.views for f in chosen.values()),
        total_columns=overview.figures.columns if whole else sum(f.columns for f in chosen.values()),
        discovered_at=overview.discovered_at,
        discovery_duration_ms=overview.duration_ms,
    )


def one_table(
    source_id: int, table: Table, discovered_at: datetime, up: Sequence[LineageEdge], down: Sequence[LineageEdge]
) -> OneTable:
    """Everything of one table."""
    return OneTable(
        data_source_id=source_id,
        schema_name=table.schema,
        table=table_of(table, discovered_at),
        primary_key=table.primary_key,
        foreign_keys=[
            Reference(
                columns=key.columns,
                schema_name=key.table.schema,
                table_name=key.table.name,
                referenced_columns=key.referenced,
            )
            for key in table.foreign_keys
        ],
        definition=table.definition,
        upstream=[edge_answer(edge) for edge in up],
        downstream=[edge_answer(edge) for edge in down],
    )


def edge_answer(edge: LineageEdge) -> EdgeAnswer:
    """An edge in the plain shape."""
    return EdgeAnswer(
        source_schema=edge.source.schema,
        source_table=edge.source.name,
        target_schema=edge.target.schema,
        target_table=edge.target.name,
        origin=edge.origin,
        columns=edge.columns,
        column_edges=[{"source": pair.source, "target": pair.target} for pair in edge.column_edges],
    )


def found_table(hit: Hit) -> FoundTable:
    """What a search found."""
    return FoundTable(
        data_source_id=hit.source_id,
        data_source_name=hit.source_name,
        schema_name=hit.table.schema,
        table_name=hit.table.name,
        table_type=table_type(hit.table.kind),
        table_comment=hit.table.comment,
        matches=[
            {"field": match.field, "text": match.text} | ({"column_name": match.column} if match.column else {})
            for match in hit.matches
        ],
    )


def change_answer(change: KeptChange) -> ChangeAnswer:
    """A change as it is answered."""
    return ChangeAnswer(
        id=change.id,
        part=change.part,
        change=change.change,
        schema_name=change.schema,
        table_name=change.table,
        details=change.details,
        version=change.version,
        changed_at=change.changed_at,
        job_id=change.job_id,
        announced=change.announced,
    )
