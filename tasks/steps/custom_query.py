"""Does the caller's own query work?"""

from datasources.databases.read_only import Reading, judge
from datasources.model.errors import CheckError
from datasources.model.results import Finding
from datasources.model.vocabulary import ErrorCode
from tasks.context import StepContext


async def run(check: StepContext) -> Finding:
    """Run one statement that only reads; details hold its first value as text, whether there was a
    row (a null and no row have no value), and its time in milliseconds.

    A statement that writes by its first word is not even tried, unless a person has confirmed it.
    """
    query = check.test_query or "SELECT 1"
    if not check.query_confirmed and judge(query) is Reading.writes:
        raise CheckError(ErrorCode.QUERY_NOT_READ_ONLY, "The test query is a statement that writes", {"stage": "query"})
    async with check.session() as session:
        answer = await session.query(query)
    details = {"value": answer.value, "has_row": answer.has_row, "response_time_ms": answer.response_time_ms}
    rows = "" if answer.has_row else " with no row"
    return Finding(message=f"Query answered in {answer.response_time_ms:.0f} ms{rows}", details=details)
