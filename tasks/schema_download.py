"""What is in there?"""

from collections import Counter
from typing import Any

from datasources.databases import database_of
from datasources.databases.base import Table
from datasources.model import Finding
from tasks.check import Check

SHOWN = 200
"""Tables named in the result; all of them are counted."""


async def run(check: Check) -> Finding:
    """Read schemas, tables, columns, keys, comments and estimates, a batch at a time."""
    source = check.source
    schemas: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    columns = 0
    shown: list[dict[str, Any]] = []
    async with database_of(source).connect(source, patience=source.connection_timeout) as session:
        async for batch in session.tables(source.catalog_include_list, source.catalog_exclude_list):
            schemas.update(table.schema for table in batch)
            kinds.update(table.kind for table in batch)
            columns += sum(len(table.columns) for table in batch)
            shown += [_short(table) for table in batch[: SHOWN - len(shown)]]
    found = kinds.total()
    return Finding(
        message=f"Discovered {found} table{'' if found == 1 else 's'}",
        details={
            "schemas": dict(schemas.most_common(SHOWN)),
            "kinds": dict(kinds),
            "column_count": columns,
            "table_count": found,
            "tables": shown,
            "truncated": found > len(shown),
        },
    )


def _short(table: Table) -> dict[str, Any]:
    return {
        "schema": table.schema,
        "name": table.name,
        "kind": table.kind,
        "columns": len(table.columns),
        "rows": table.rows,
        "comment": table.comment,
        "primary_key": table.primary_key,
        "foreign_keys": len(table.foreign_keys),
    }
