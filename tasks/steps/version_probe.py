"""Which product and version answers?"""

from datasources.model.results import Finding
from tasks.context import StepContext


async def run(check: StepContext) -> Finding:
    """Product and version as the message, like `PostgreSQL 14.5`; asks only when the connection step was not told."""
    if check.recorder.version is not None:
        return Finding(message=check.recorder.version)
    async with check.session() as session:
        return Finding(message=await session.version())
