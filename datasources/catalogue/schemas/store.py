"""How versions get into the catalogue: set by set, never row by row."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from psycopg.types.json import Jsonb
from sqlalchemy import cast, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, TEXT
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.schemas.compare import EdgeChange, TableChange, count
from datasources.catalogue.schemas.content import KeptEdgeForm, read_table
from datasources.catalogue.schemas.drafts import Difference, EdgeDifference, EdgeKey, Known, KnownEdge
from datasources.catalogue.tables import DataSource, KeptEdge, KeptTable, SchemaVersion
from datasources.databases.base import Table, TableName

SCHEMA, LINEAGE = "schema", "lineage"
"""The two parts that have versions."""


HASHED = text("SET LOCAL enable_nestloop = off")
"""PostgreSQL expects few rows where many have just been written, and would compare each of ours with each of them."""


class Found(Struct, frozen=True, kw_only=True):
    """What is said of a download beside what it found."""

    source_id: int
    job_id: int
    at: datetime
    duration_ms: int
    scope: bytes
    figures: dict[str, Any]


async def head(session: AsyncSession, source_id: int, part: str) -> SchemaVersion | None:
    """The newest version."""
    newest = select(SchemaVersion).where(SchemaVersion.source_id == source_id, SchemaVersion.part == part)
    return (await session.scalars(newest.order_by(SchemaVersion.number.desc()).limit(1))).one_or_none()


async def known_tables(session: AsyncSession, source_id: int) -> dict[TableName, Known]:
    """What is known of every table that is there now."""
    columns = (KeptTable.since, KeptTable.fingerprint, KeptTable.shape, KeptTable.rows, KeptTable.kind)
    chosen = select(KeptTable.schema_name, KeptTable.table_name, *columns)
    rows = await session.execute(chosen.where(KeptTable.source_id == source_id, KeptTable.until.is_(None)))
    return {TableName(schema, name): Known(*row) for schema, name, *row in rows}


async def tables_named(session: AsyncSession, source_id: int, names: Sequence[TableName]) -> dict[TableName, Table]:
    """These tables, as they are kept now."""
    rows = await session.scalars(_of_these(select(KeptTable.content), source_id, _names(names)))
    tables = (read_table(content) for content in rows)
    return {TableName(table.schema, table.name): table for table in tables}


async def known_edges(session: AsyncSession, source_id: int) -> dict[EdgeKey, KnownEdge]:
    """What is known of every edge that is there now."""
    ends = (KeptEdge.from_schema, KeptEdge.from_table, KeptEdge.to_schema, KeptEdge.to_table, KeptEdge.origin)
    chosen = select(*ends, KeptEdge.id, KeptEdge.fingerprint)
    rows = await session.execute(chosen.where(KeptEdge.source_id == source_id, KeptEdge.until.is_(None)))
    return {(TableName(a, b), TableName(c, d), origin): KnownEdge(*known) for a, b, c, d, origin, *known in rows}


async def lock(session: AsyncSession, source_id: int) -> bool:
    """Let one download of a source be stored at a time; whether there is such a source, which may have been removed."""
    await session.execute(HASHED)
    chosen = select(DataSource.id).where(DataSource.id == source_id, DataSource.deleted_at.is_(None))
    return await session.scalar(chosen.with_for_update(key_share=True)) is not None


def confirm(newest: SchemaVersion, found: Found) -> None:
    """Note that a download has found just what the newest version holds."""
    newest.confirmed_at, newest.duration_ms = found.at, found.duration_ms
    newest.scope, newest.figures = found.scope, found.figures


async def move_estimates(session: AsyncSession, source_id: int, estimates: dict[TableName, int | None]) -> None:
    """Write estimates that have moved."""
    if not estimates:
        return
    moved = _names(list(estimates), rows=(BIGINT, list(estimates.values())))
    await session.execute(_of_these(update(KeptTable), source_id, moved).values(rows=moved.c.rows))


async def add_version(
    session: AsyncSession,
    part: str,
    number: int,
    found: Found,
    changes: Sequence[TableChange | EdgeChange],
    *,
    announce: bool,
) -> None:
    """Write a version, and what is different in it; the first one has no changes."""
    session.add(
        SchemaVersion(
            source_id=found.source_id,
            part=part,
            number=number,
            job_id=found.job_id,
            made_at=found.at,
            confirmed_at=found.at,
            duration_ms=found.duration_ms,
            scope=found.scope,
            figures=found.figures,
            changes=count(changes) if number > 1 else {},
        )
    )
    await session.flush()
    if number > 1:
        await _copy(session, CHANGES, (_change_row(part, number, found, change, announce) for change in changes))


async def write_tables(session: AsyncSession, number: int, found: Found, difference: Difference) -> None:
    """Close what is gone or otherwise, and write what is new."""
    if difference.closed:
        closed = _of_these(update(KeptTable), found.source_id, _names(difference.closed))
        await session.execute(closed.values(until=number, closed_at=found.at))
    rows = (
        (
            found.source_id,
            form.name.schema,
            form.name.name,
            number,
            form.kind,
            form.column_count,
            form.rows,
            form.fingerprint,
            form.shape,
            form.content,
            form.searched,
        )
        for form in difference.written
    )
    await _copy(session, TABLES, rows)


async def write_edges(session: AsyncSession, number: int, found: Found, difference: EdgeDifference) -> None:
    """The same for edges."""
    if difference.closed:
        closed = KeptEdge.id.in_(select(func.unnest(cast(difference.closed, ARRAY(BIGINT)))))
        chosen = update(KeptEdge).where(closed).execution_options(synchronize_session=False)
        await session.execute(chosen.values(until=number, closed_at=found.at))
    await _copy(session, EDGES, (_edge_row(form, number, found.source_id) for form in difference.written))


def _edge_row(form: KeptEdgeForm, number: int, source_id: int) -> tuple[Any, ...]:
    edge = form.edge
    ends = (edge.source.schema, edge.source.name, edge.target.schema, edge.target.name)
    return (source_id, *ends, edge.origin.value, number, form.fingerprint, form.content)


def _change_row(
    part: str, number: int, found: Found, change: TableChange | EdgeChange, announce: bool
) -> tuple[Any, ...]:
    about, details = change.about, Jsonb(change, dumps=msgspec.json.encode)
    of_version = (found.source_id, part, number, found.job_id, found.at)
    return (*of_version, change.change.value, about.schema, about.name, details, announce and change.is_announced)


def _names(names: Sequence[TableName], **more: tuple[Any, list[Any]]) -> Any:
    """Names of tables as rows, with more columns of this type and these values."""
    columns = {
        "schema_name": (TEXT, [name.schema for name in names]),
        "table_name": (TEXT, [name.name for name in names]),
    }
    columns |= more
    arrays = (cast(values, ARRAY(kind)) for kind, values in columns.values())
    return func.unnest(*arrays).table_valued(*columns).render_derived()


def _of_these(statement: Any, source_id: int, these: Any) -> Any:
    """The statement, about the tables of these names that are there now."""
    same = (KeptTable.schema_name == these.c.schema_name) & (KeptTable.table_name == these.c.table_name)
    there = (KeptTable.source_id == source_id) & KeptTable.until.is_(None)
    return statement.where(there, same).execution_options(synchronize_session=False)


class _Copied(Struct, frozen=True):
    """What rows are copied into: columns with the types that psycopg writes them as."""

    table: str
    columns: dict[str, str]


TABLES = _Copied(
    "kept_tables",
    {"source_id": "int8", "schema_name": "text", "table_name": "text", "since": "int8", "kind": "text",
     "column_count": "int8", "rows": "int8", "fingerprint": "bytea", "shape": "bytea", "content": "bytea",
     "searched": "text"},
)  # fmt: skip
EDGES = _Copied(
    "kept_edges",
    {"source_id": "int8", "from_schema": "text", "from_table": "text", "to_schema": "text", "to_table": "text",
     "origin": "text", "since": "int8", "fingerprint": "bytea", "content": "bytea"},
)  # fmt: skip
CHANGES = _Copied(
    "schema_changes",
    {"source_id": "int8", "part": "text", "version": "int8", "job_id": "int8", "changed_at": "timestamptz",
     "change": "text", "schema_name": "text", "table_name": "text", "details": "jsonb", "announced": "bool"},
)  # fmt: skip


async def _copy(session: AsyncSession, into: _Copied, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows by COPY, in the session's transaction."""
    connection = await (await session.connection()).get_raw_connection()
    driver: Any = connection.driver_connection
    statement = f"COPY {into.table} ({', '.join(into.columns)}) FROM STDIN (FORMAT BINARY)"
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(list(into.columns.values()))
        for row in rows:
            await copy.write_row(row)
