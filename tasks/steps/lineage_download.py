"""What is made from what?"""

import msgspec

from datasources.model.results import Finding
from tasks.context import StepContext

SHOWN = 200
"""Edges named in the result; all of them are counted."""


async def run(check: StepContext) -> Finding:
    """Which view reads which table, down to columns; a view that could not be read is counted as that."""
    async with check.session() as session:
        lineage = await session.lineage()
    edges, unread = lineage.edges, lineage.unread
    nodes = {name for edge in edges for name in (edge.source, edge.target)}
    return Finding(
        message="Lineage fetched" + _exceptions(len(unread)),
        details={
            "edge_count": len(edges),
            "node_count": len(nodes),
            "edges": msgspec.to_builtins(edges[:SHOWN]),
            "truncated": len(edges) > SHOWN,
            "unread_count": len(unread),
            "unread": unread[:SHOWN],
        },
    )


def _exceptions(unread: int) -> str:
    return f", except for {unread} view{'' if unread == 1 else 's'} that could not be read" if unread else ""
