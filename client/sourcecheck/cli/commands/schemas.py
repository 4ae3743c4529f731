"""Commands about what sources hold: tables, changes, lineage."""

from typing import Any

from sourcecheck.cli import exits
from sourcecheck.cli.command import Invocation, add_command
from sourcecheck.cli.output import Cell
from sourcecheck.cli.text import ago
from sourcecheck.errors import SourcecheckError
from sourcecheck.schemas import SchemaChange

COLUMNS_SHOWN = 8
"""Columns that are named of a table in a list."""


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    tables = add_command(
        commands,
        "tables",
        _tables,
        "show the tables of a source, or search in all sources",
        "sourcecheck tables Shop\nsourcecheck tables Shop --schema public --refresh\n"
        'sourcecheck tables --search "customer email"',
    )
    tables.add_argument("source", nargs="?", metavar="NAME", help="name or id (default: all, with --search)")
    tables.add_argument("--schema", help="only tables of this schema")
    tables.add_argument("--search", metavar="WORDS", help="words that names and comments must contain")
    tables.add_argument("--refresh", action="store_true", help="read the source again first")
    changes = add_command(
        commands, "changes", _changes, "show what has changed in the schema of a source", "sourcecheck changes Shop"
    )
    changes.add_argument("source", metavar="NAME", help="name or id")
    changes.add_argument("--limit", type=int, default=50, help="changes to show (default: 50)")
    lineage = add_command(
        commands,
        "lineage",
        _lineage,
        "show which tables and views of a source are made from which",
        "sourcecheck lineage Shop\nsourcecheck lineage Shop public.totals --depth 5\n"
        "sourcecheck lineage Shop --openlineage --json",
    )
    lineage.add_argument("source", metavar="NAME", help="name or id")
    lineage.add_argument("table", nargs="?", metavar="SCHEMA.TABLE", help="the table to begin at (default: all)")
    lineage.add_argument("--depth", type=int, default=3, help="steps from the table (default: 3)")
    lineage.add_argument("--openlineage", action="store_true", help="OpenLineage's events, with --json")


def _tables(call: Invocation) -> int:
    source = call.client.find(call.given.source) if call.given.source else None
    if source is not None and call.given.refresh:
        call.client.discover_schema(source.id, refresh=True)
    if call.given.search:
        return _found(call, source.id if source else None)
    if source is None:
        raise SourcecheckError("name a source, or search in all of them with --search")
    page = call.client.list_tables(source.id, schema=call.given.schema)
    call.out.result(page)
    rows: list[list[Cell]] = [
        [
            f"{schema.schema_name}.{table.table_name}",
            table.table_type,
            "" if table.row_count is None else f"{table.row_count:,}",
            ", ".join(column.column_name for column in table.columns[:COLUMNS_SHOWN])
            + (" …" if len(table.columns) > COLUMNS_SHOWN else ""),
        ]
        for schema in page.schemas
        for table in schema.tables
    ]
    call.out.say(f"{source.name}: read {ago(page.last_discovered_at)}")
    if not rows:
        call.out.say("No tables: the user of this source can read none here")
        return exits.PASSED
    call.out.table(["table", "kind", "rows", "columns"], rows)
    if page.next_cursor:
        call.out.note("there are more tables; name a schema, or search")
    return exits.PASSED


def _found(call: Invocation, source_id: int | None) -> int:
    found = call.client.search_tables(call.given.search, source_id=source_id)
    call.out.result(found)
    rows: list[list[Cell]] = [
        [hit.data_source_name, f"{hit.schema_name}.{hit.table_name}", "; ".join(match["text"] for match in hit.matches)]
        for hit in found.tables
    ]
    call.out.table(["source", "table", "what was found"], rows)
    if found.next_cursor:
        call.out.note("there are more matches; add words")
    return exits.PASSED


def _changes(call: Invocation) -> int:
    source = call.client.find(call.given.source)
    found = call.client.schema_changes(source.id, limit=call.given.limit)
    call.out.result(found)
    rows: list[list[Cell]] = [
        [ago(change.changed_at), change.change, f"{change.schema_name}.{change.table_name}", _what(change)]
        for change in found.changes
    ]
    if not rows:
        call.out.say(f"{source.name}: nothing has changed since its schema was first read")
        return exits.PASSED
    call.out.table(["when", "change", "table", "what"], rows)
    return exits.PASSED


def _what(change: SchemaChange) -> str:
    if change.part == "lineage":
        source = change.details["source"]
        return f"lineage from {source['schema']}.{source['name']}"
    if was := change.details.get("was_named"):
        return f"was {was['schema']}.{was['name']}"
    columns = [
        f"{column['name']} {column['change']}"
        + (f" ({facet['was']} → {facet['became']})" if (facet := column.get("facets", {}).get("type")) else "")
        for column in change.details.get("columns", ())
    ]
    return ", ".join([*columns, *change.details.get("facets", {})])


def _lineage(call: Invocation) -> int:
    source = call.client.find(call.given.source)
    schema, _, table = (call.given.table or "").partition(".")
    if call.given.table and not table:
        raise SourcecheckError(f"{call.given.table!r} is not of the form SCHEMA.TABLE")
    shape = "openlineage" if call.given.openlineage else "plain"
    found = call.client.lineage(source.id, schema or None, table or None, depth=call.given.depth, shape=shape)
    call.out.result(found.events if call.given.openlineage else found)
    rows: list[list[Cell]] = [
        [
            f"{edge.source_schema}.{edge.source_table}",
            f"{edge.target_schema}.{edge.target_table}",
            edge.origin.replace("_", " "),
            ", ".join(edge.columns),
        ]
        for edge in found.edges
    ]
    if not rows:
        of = f"for {call.given.table} in" if call.given.table else "for"
        call.out.say(f"There is no lineage {of} {source.name}")
        return exits.PASSED
    call.out.table(["from", "to", "learnt from", "columns that are read"], rows)
    if found.truncated or found.next_cursor:
        call.out.note("there are more edges; begin at a table")
    return exits.PASSED
