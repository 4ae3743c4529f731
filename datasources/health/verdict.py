"""What a finished test says about its source."""

from collections.abc import Sequence

from datasources.model.results import Published
from datasources.model.vocabulary import ErrorCode, JobStatus, Outcome

OURS = frozenset({ErrorCode.WORKER_LOST, ErrorCode.INTERNAL_ERROR, ErrorCode.DRIVER_MISSING})
"""Codes that say nothing about the source: it was not asked, or not to the end."""
CALLERS = frozenset({ErrorCode.QUERY_ERROR, ErrorCode.QUERY_NOT_READ_ONLY})
"""Codes of a test query that say more about the query than about the source that answered it."""
NEVER_BLAMED = "version_probe"
"""A version that cannot be read is no fault of the source."""


def passed(status: JobStatus, published: Sequence[Published]) -> bool | None:
    """Whether the source passed an ended test; None when the test says nothing about it."""
    if status is JobStatus.cancelled:
        return None
    if status is JobStatus.done:
        return True
    failed = [p for p in published if p.result.outcome is Outcome.failed and p.task != NEVER_BLAMED]
    blamed = [p for p in failed if not (p.task == "test_query" and p.result.error_code in CALLERS)]
    if failed and not blamed:
        return True
    theirs = [p for p in blamed if p.result.error_code not in OURS]
    return False if theirs else None


def first_failure(published: Sequence[Published]) -> Published | None:
    """The step whose message is the reason, the source's own failures first."""
    failed = [p for p in published if p.result.outcome is Outcome.failed and p.task != NEVER_BLAMED]
    return next((p for p in failed if p.result.error_code not in OURS), failed[0] if failed else None)


def response_time_ms(published: Sequence[Published]) -> float | None:
    """The time of the test query where there was one, of the connection otherwise."""
    by_task = {p.task: p.result for p in published}
    query, connection = by_task.get("test_query"), by_task.get("connection")
    if query is not None and "response_time_ms" in query.details:
        return float(query.details["response_time_ms"])
    if connection is not None and connection.code == "OK" and connection.duration_ms is not None:
        return float(connection.duration_ms)
    return None
