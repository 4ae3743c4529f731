"""Errors of the client.

SourcecheckError
├── ServiceUnreachable      no answer: refused, timed out, not a sourcecheck service
├── ApiError                an answer that is not 2xx; carries `status` and `sentence`
│   ├── Unauthorized        401: no valid API key
│   ├── Forbidden           403
│   ├── NotFound            404
│   ├── Conflict            409
│   ├── InvalidRequest      422: `problems` names each field
│   ├── TooManyRequests     429: `retry_after` in seconds
│   └── ServiceUnavailable  503: `retry_after` in seconds
└── Verdict                 a test that did not pass; carries `job_id`
    ├── CheckFailed         a step said no; carries `step`, `code` and `advice`
    ├── QuestionOpen        the test waits for a person's answer
    └── TestCancelled       a client cancelled it
"""

from msgspec import Struct


class SourcecheckError(Exception):
    """Root of everything that this package raises."""


class ServiceUnreachable(SourcecheckError):
    """The service did not answer, or what answered is not a sourcecheck service."""


class Problem(Struct, frozen=True):
    """What is wrong with one field of a request; `loc` is the way to it, like `["body", "options", "host"]`."""

    loc: list[str | int]
    msg: str
    type: str = "value_error"

    def __str__(self) -> str:
        where = ".".join(str(part) for part in self.loc if part != "body")
        return f"{where}: {self.msg}" if where else self.msg


class ApiError(SourcecheckError):
    """The service refused a request.

    `status` is the HTTP status, `sentence` the service's own words, `problems` has an entry for each field at fault,
    `retry_after` says in how many seconds the request may succeed.
    """

    def __init__(
        self, status: int, sentence: str, problems: list[Problem] | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(status, sentence, problems, retry_after)
        self.status = status
        self.sentence = sentence
        self.problems = problems or []
        self.retry_after = retry_after

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems)) or self.sentence


class Unauthorized(ApiError):
    """401: the API key is missing or not valid."""


class Forbidden(ApiError):
    """403: the user of the key is in no organization."""


class NotFound(ApiError):
    """404: unknown, or another organization's."""


class Conflict(ApiError):
    """409: the request does not fit the present state, like cancelling a test that has ended."""


class InvalidRequest(ApiError):
    """422: `problems` names each field at fault."""


class TooManyRequests(ApiError):
    """429: ask again after `retry_after` seconds."""


class ServiceUnavailable(ApiError):
    """503: the service cannot take the request now."""


ERRORS: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: InvalidRequest,
    429: TooManyRequests,
    503: ServiceUnavailable,
}
"""The error of each HTTP status; every other one is an `ApiError`."""


class Verdict(SourcecheckError):
    """A test that did not pass."""

    def __init__(self, job_id: int, sentence: str) -> None:
        super().__init__(job_id, sentence)
        self.job_id = job_id
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


class CheckFailed(Verdict):
    """A step said no: `step` is its name, `code` the stable word for the reason, `advice` what to do about it."""

    def __init__(
        self, job_id: int, sentence: str, step: str | None = None, code: str | None = None, advice: str | None = None
    ) -> None:
        super().__init__(job_id, sentence)
        self.args = (job_id, sentence, step, code, advice)  # so that it survives pickling
        self.step = step
        self.code = code
        self.advice = advice


class QuestionOpen(Verdict):
    """The test waits for a person's answer: confirm, authenticate or cancel it."""


class TestCancelled(Verdict):
    """A client cancelled the test."""

    __test__ = False


def reason_of(error: Exception) -> str:
    """Why a file could not be read: the system's words without its error number and without the path again."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
