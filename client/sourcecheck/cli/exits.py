"""Exit codes, and which of them an error or a set of tests means."""

from collections.abc import Iterable

from sourcecheck.errors import ApiError, CheckFailed, QuestionOpen, ServiceUnreachable, SourcecheckError, TestCancelled
from sourcecheck.models import Job

PASSED = 0
FAILED = 1
"""A source did not pass."""
WRONG_CALL = 2
"""The command line, a file or the service's refusal says that the call itself is at fault."""
UNREACHABLE = 3
"""The service did not answer, or cannot take the request now."""
ASKS = 4
"""A test waits for a person's answer."""
INTERRUPTED = 130


def of_error(error: Exception) -> int:
    """The exit code for an error that ended the command."""
    match error:
        case CheckFailed() | TestCancelled():
            return FAILED
        case QuestionOpen():
            return ASKS
        case ServiceUnreachable():
            return UNREACHABLE
        case ApiError() if error.status == 429 or error.status >= 500:
            return UNREACHABLE
        case TimeoutError():
            return UNREACHABLE
        case SourcecheckError():
            return WRONG_CALL
    return FAILED


def of_jobs(jobs: Iterable[Job]) -> int:
    """The exit code for tests: a failure counts more than an open question."""
    found = list(jobs)
    if any(not job.passed and not job.status.asks for job in found):
        return FAILED
    return ASKS if any(job.status.asks for job in found) else PASSED
