"""What is made from what?"""

import time
from typing import Any

import msgspec
from msgspec import structs

from datasources.databases.base import History, LineageEdge
from datasources.databases.globs import Globs
from datasources.model.results import Finding
from tasks.context import StepContext
from tasks.steps.schema_download import changes_of

SHOWN = 200
"""Edges named in the result; all of them are counted."""
COLUMNS_SHOWN = 50
"""Columns named of each edge; all of them are counted."""


async def run(check: StepContext) -> Finding:
    """Which view reads which table, down to columns, and keep it; a view that could not be read is counted as that."""
    source, began = check.source, time.monotonic()
    wanted = Globs(source.catalog_include_list, source.catalog_exclude_list)
    async with check.session() as session:
        lineage = await session.lineage(wanted)
    kept = await check.keeper.keep_lineage(lineage, began) if check.keeper else None
    edges, unread, bare = lineage.edges, lineage.unread, lineage.columns_unread
    nodes = {name for edge in edges for name in (edge.source, edge.target)}
    return Finding(
        message="Lineage fetched"
        + (kept.told if kept else "")
        + _exceptions(len(unread))
        + _without_columns(len(bare))
        + _without_history(lineage.history),
        details={
            "edge_count": len(edges),
            "node_count": len(nodes),
            "edges": [_short(edge) for edge in edges[:SHOWN]],
            "truncated": len(edges) > SHOWN,
            "unread_count": len(unread),
            "unread": msgspec.to_builtins(unread[:SHOWN]),
            "columns_unread_count": len(bare),
            "columns_unread": msgspec.to_builtins(bare[:SHOWN]),
        }
        | ({"history": msgspec.to_builtins(lineage.history)} if lineage.history else {})
        | changes_of(kept),
    )


def _short(edge: LineageEdge) -> dict[str, Any]:
    """The edge, with the number of its columns where not all are named."""
    short = structs.replace(edge, columns=edge.columns[:COLUMNS_SHOWN], column_edges=[])
    shown: dict[str, Any] = msgspec.to_builtins(short) | {"origin": edge.origin}
    return shown | {"column_count": len(edge.columns)} if len(edge.columns) > COLUMNS_SHOWN else shown


def _exceptions(unread: int) -> str:
    return f", except for {unread} view{'' if unread == 1 else 's'} that could not be read" if unread else ""


def _without_columns(bare: int) -> str:
    return f"; the columns of {bare} view{'' if bare == 1 else 's'} are not known" if bare else ""


def _without_history(history: History | None) -> str:
    """What a grant would add; a server that keeps no history is told of in the details alone."""
    if history is None or not history.kept or not history.missing:
        return ""
    return f"; the query history was not read{' in full' if history.statements else ''}: {history.missing}"
