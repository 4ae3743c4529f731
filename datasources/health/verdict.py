"""What the steps of a test say, of the test itself and of its source: every verdict is made of these functions."""

from collections.abc import Iterable, Sequence

from datasources.model.results import Published
from datasources.model.steps import CONNECTION, step_named
from datasources.model.vocabulary import ErrorCode, JobStatus, Outcome

OUR_FAULTS = frozenset(
    {ErrorCode.WORKER_LOST, ErrorCode.INTERNAL_ERROR, ErrorCode.DRIVER_MISSING, ErrorCode.SECRET_UNAVAILABLE}
)
"""Codes that say nothing about the source: it was not asked, or not to the end."""


def says_nothing(published: Published) -> bool:
    """Whether a failure says nothing about the source: it is ours, or it may pass by itself."""
    result = published.result
    return result.error_code in OUR_FAULTS or bool(result.details.get("transient"))


def failures(published: Iterable[Published]) -> list[Published]:
    """The steps that make a test fail; it has passed when there are none. Optional steps are not among them."""
    return [p for p in published if p.result.outcome is Outcome.failed and not step_named(p.task).optional]


def first_failure(published: Iterable[Published]) -> Published | None:
    """The step whose message is the reason, the source's own failures first."""
    failed = failures(published)
    return next((p for p in failed if not says_nothing(p)), failed[0] if failed else None)


def source_passed(status: JobStatus, published: Iterable[Published]) -> bool | None:
    """Whether the source passed an ended test; None when the test says nothing about it."""
    if status is JobStatus.cancelled:
        return None
    if status is JobStatus.done:
        return True
    failed = failures(published)
    blamed = [p for p in failed if p.result.error_code not in step_named(p.task).callers_fault]
    if failed and not blamed:
        return True
    theirs = [p for p in blamed if not says_nothing(p)]
    return False if theirs else None


def counts(*, asked: bool | None, scheduled: bool, has_schedule: bool, has_passed: bool) -> bool:
    """Whether an ended test is part of its source's uptime (docs/health.md).

    What the request `asked` for holds. Otherwise a scheduled check counts, and one that a client asked for counts once
    the source is set up: when it `has_schedule`, or `has_passed` a test, this one or an earlier one.
    """
    if asked is not None:
        return asked
    return scheduled or has_schedule or has_passed


def response_time_ms(published: Sequence[Published]) -> float | None:
    """The time of the same short query in every test, on a connection that is open; None where there was none.

    Not that of the client's own query, nor the time until the connection was open: figures of a history are comparable.
    """
    found = next((p.result.details for p in published if p.task == CONNECTION), {})
    answered = found.get("response_time_ms")
    return None if answered is None else float(answered)
