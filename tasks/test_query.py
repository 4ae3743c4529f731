"""Does the caller's own query work?"""

from datasources.databases import database_of
from datasources.model import Finding
from tasks.check import Check


async def run(check: Check) -> Finding:
    """Run one statement that only reads; details hold its first value as text, and its time in milliseconds."""
    patience = check.source.connection_timeout
    async with database_of(check.source).connect(check.source, patience=patience) as session:
        answer = await session.query(check.test_query or "SELECT 1")
    details = {"value": answer.value, "response_time_ms": answer.response_time_ms}
    return Finding(message=f"Query answered in {answer.response_time_ms:.0f} ms", details=details)
