"""What is made from what?"""

import msgspec

from datasources.databases import database_of
from datasources.model.results import Finding
from datasources.model.vocabulary import Outcome
from tasks.context import Check

SHOWN = 200
"""Edges named in the result; all of them are counted."""


async def run(check: Check) -> Finding:
    """Read the server's own records of which view reads which table, down to columns."""
    source = check.source
    async with database_of(source).connect(source, patience=source.connection_timeout) as session:
        edges = await session.lineage()
    if edges is None:
        return Finding(message="No lineage downloader for this data source", outcome=Outcome.skipped)
    nodes = {name for edge in edges for name in (edge.source, edge.target)}
    return Finding(
        message="Lineage fetched",
        details={
            "edge_count": len(edges),
            "node_count": len(nodes),
            "edges": msgspec.to_builtins(edges[:SHOWN]),
            "truncated": len(edges) > SHOWN,
        },
    )
