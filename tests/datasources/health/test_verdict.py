"""What steps say of a test and of its source, as tables."""

import pytest
from msgspec.structs import replace

from datasources.health.verdict import counts, failures, first_failure, source_passed
from datasources.model.results import Published, StepResult
from datasources.model.vocabulary import Code, ErrorCode, JobStatus, Outcome

FAILED, DONE, CANCELLED = JobStatus.failed, JobStatus.done, JobStatus.cancelled


def published(**codes: ErrorCode | None) -> list[Published]:
    """These steps in this order: passed, or failed with a code."""
    return [
        Published(
            job_id=1,
            task=task,
            result=StepResult(
                code=Code.OK if code is None else Code.ERROR,
                message=task,
                outcome=Outcome.success if code is None else Outcome.failed,
                error_code=code,
            ),
        )
        for task, code in codes.items()
    ]


ALL_PASSED = published(connection=None, version_probe=None, test_query=None)
NO_VERSION = published(connection=None, version_probe=ErrorCode.PERMISSION_DENIED)
NO_CONNECTION = published(connection=ErrorCode.CONNECTION_ERROR)
LOST = published(connection=ErrorCode.WORKER_LOST)
LOST_AND_DENIED = published(schema_download=ErrorCode.WORKER_LOST, temp_schema=ErrorCode.PERMISSION_DENIED)
WRONG_QUERY = published(connection=None, test_query=ErrorCode.QUERY_ERROR)
SLOW_QUERY = published(connection=None, test_query=ErrorCode.TIMEOUT)
WRONG_QUERY_AND_DENIED = published(temp_schema=ErrorCode.PERMISSION_DENIED, test_query=ErrorCode.QUERY_ERROR)
QUERY_ERROR_OF_OURS = published(connection=None, schema_download=ErrorCode.QUERY_ERROR)


@pytest.mark.parametrize(
    ("found", "failed", "reason"),
    [
        (ALL_PASSED, [], None),
        (NO_VERSION, [], None),
        (NO_CONNECTION, ["connection"], "connection"),
        (LOST, ["connection"], "connection"),
        (LOST_AND_DENIED, ["schema_download", "temp_schema"], "temp_schema"),
        (WRONG_QUERY, ["test_query"], "test_query"),
    ],
)
def test_what_fails_a_test(found: list[Published], failed: list[str], reason: str | None) -> None:
    """Optional steps do not; the reason is a failure of the source's own where there is one."""
    assert [one.task for one in failures(found)] == failed
    first = first_failure(found)
    assert (first.task if first else None) == reason


def test_what_may_pass_by_itself_counts_against_no_source() -> None:
    """Unless something else failed, too, which is the reason then."""
    full = published(connection=ErrorCode.TOO_MANY_CONNECTIONS)
    full = [replace(one, result=replace(one.result, details={"transient": True})) for one in full]
    assert source_passed(FAILED, full) is None
    assert source_passed(FAILED, [*full, *LOST]) is None
    both = [*full, *NO_CONNECTION]
    assert source_passed(FAILED, both) is False
    assert first_failure(both) is both[1]


@pytest.mark.parametrize(
    ("status", "found", "passed"),
    [
        (DONE, ALL_PASSED, True),
        (DONE, NO_VERSION, True),
        (CANCELLED, NO_CONNECTION, None),
        (FAILED, NO_CONNECTION, False),
        (FAILED, LOST, None),
        (FAILED, LOST_AND_DENIED, False),
        (FAILED, WRONG_QUERY, True),
        (FAILED, SLOW_QUERY, False),
        (FAILED, WRONG_QUERY_AND_DENIED, False),
        (FAILED, QUERY_ERROR_OF_OURS, False),
        (FAILED, [], None),
    ],
)
def test_what_a_test_says_of_its_source(status: JobStatus, found: list[Published], passed: bool | None) -> None:
    """Neither our own faults nor a client's mistaken query count against it."""
    assert source_passed(status, found) is passed


@pytest.mark.parametrize(
    ("asked", "scheduled", "has_schedule", "has_passed", "expected"),
    [
        (None, False, False, False, False),
        (None, False, False, True, True),
        (None, False, True, False, True),
        (None, True, False, False, True),
        (True, False, False, False, True),
        (False, False, True, True, False),
    ],
)
def test_what_counts(asked: bool | None, scheduled: bool, has_schedule: bool, has_passed: bool, expected: bool) -> None:
    """A test by hand does once its source is set up; what the request says decides."""
    found = counts(asked=asked, scheduled=scheduled, has_schedule=has_schedule, has_passed=has_passed)
    assert found is expected
