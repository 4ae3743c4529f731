"""Which product and version answers?"""

from datasources.model.results import Finding
from tasks.context import Check


async def run(check: Check) -> Finding:
    """Product and version as the message, like `PostgreSQL 14.5`; asks only when the connection was not told."""
    if check.versions:
        return Finding(message=check.versions[-1])
    async with check.session() as session:
        return Finding(message=await session.version())
