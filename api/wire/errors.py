"""Errors as HTTP answers: one table from exception to status, two dialects by path.

Underscore paths and everything else answer `{"detail": …}`, hyphen paths the envelope (contract 1.5).
"""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy.exc
from litestar import Request, Response
from litestar.exceptions import HTTPException, TooManyRequestsException
from msgspec import Struct

from datasources.model.errors import SourcecheckError
from datasources.model.inputs.nearest import did_you_mean
from datasources.model.inputs.texts import plain

logger = logging.getLogger("sourcecheck.api")
ENVELOPE_PATH = "/api/v1/data-sources"


class Problem(SourcecheckError):
    """An answer that is not 2xx: a status, a sentence, and what headers it needs."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, sentence, headers)
        self.status = status
        self.sentence = sentence
        self.headers = headers or {}


class Invalid(Problem):
    """422 for one field; `loc` is its way from the body, the path or the query."""

    def __init__(self, loc: list[str | int], sentence: str, kind: str = "value_error") -> None:
        super().__init__(422, sentence)
        self.args = (loc, sentence, kind)
        self.errors = [{"loc": loc, "msg": sentence, "type": kind}]


CODES: dict[int, str] = {
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "VALIDATION_ERROR",
    424: "FAILED_DEPENDENCY",
    429: "TOO_MANY_REQUESTS",
    503: "SERVICE_UNAVAILABLE",
}
"""Words of the envelope by HTTP status (contract 1.5)."""

UNAVAILABLE = (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.TimeoutError)
"""What SQLAlchemy raises when the catalogue is being restarted, or has no connection left for us."""

_PLACE = re.compile(r"^(?P<reason>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_NAMED = re.compile(r"^`(?P<rule>\w+)`(?=[ ,])|(?:missing required field|contains unknown field) `(?P<name>[^`]+)`")
"""A field that the sentence names, although the place of the error is the object that has it."""


def invalid(
    error: msgspec.ValidationError,
    root: str = "body",
    prefix: tuple[str, ...] = (),
    known: Mapping[str, Iterable[str]] | None = None,
    choices: Sequence[str] = (),
) -> Invalid:
    """A msgspec error as 422 that names the field, and for an unknown one the nearest of those that are `known`.

    These are given by the object that has them, the whole body being ``. `choices` are the values that are accepted of
    a value that is no object.
    """
    found = _PLACE.match(str(error))
    reason, path = (found["reason"], found["path"] or "$") if found else (str(error), "$")
    loc: list[str | int] = [root, *prefix]
    loc += [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]$]+", path) if part != "..."]
    named = _NAMED.search(reason)
    if named:
        place = str(loc[-1]) if len(loc) > 1 else ""
        loc.append(named["name"] or named["rule"])
        if "unknown field" in reason:
            return unknown(loc, (known or {}).get(place, ()))
    return Invalid(
        loc, plain(reason, choices), "missing" if named and named["name"] and "missing" in reason else "value_error"
    )


def unknown(loc: list[str | int], known: Iterable[str]) -> Invalid:
    """422 for a name that is none of ours: a mistyped field would be a wish that is silently not met."""
    what = "parameter" if loc[0] == "query" else "field"
    return Invalid(loc, f"Unknown {what} `{loc[-1]}`{did_you_mean(str(loc[-1]), known)}", "extra_forbidden")


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Any exception as an answer in the dialect of the path."""
    problem = problem_of(request, error)
    content = _content(problem, request.url.path)
    return Response(content, status_code=problem.status, headers=problem.headers, media_type="application/json")


def body_of(path: str, status: int, sentence: str) -> bytes:
    """An error that stops a request before the application has it, as JSON in the dialect of the path."""
    return msgspec.json.encode(_content(Problem(status, sentence), path))


def _content(problem: Problem, path: str) -> dict[str, Any]:
    if not path.startswith(ENVELOPE_PATH):
        return {"detail": problem.errors if isinstance(problem, Invalid) else problem.sentence}
    return {
        "success": False,
        "data": None,
        "message": _sentence(problem),
        "error_code": CODES.get(problem.status, "INTERNAL_ERROR"),
    }


def problem_of(request: Request[Any, Any, Any], error: Exception) -> Problem:
    """What an exception means; one of no known kind is logged with where it was raised."""
    problem = _problem(error)
    if isinstance(error, UNAVAILABLE):
        logger.warning("no answer from the catalogue for %s %s", request.method, request.url.path)
    elif problem.status >= 500 and not isinstance(error, Problem):
        logger.error("unexpected error for %s %s", request.method, request.url.path, exc_info=error)
    return problem


def _sentence(problem: Problem) -> str:
    if not isinstance(problem, Invalid):
        return problem.sentence
    return "; ".join(f"{'.'.join(map(str, e['loc'][1:] or e['loc']))}: {e['msg']}" for e in problem.errors)


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, msgspec.ValidationError):
        return invalid(error)
    if isinstance(error, msgspec.DecodeError):
        return Invalid(["body"], str(error), "json_invalid")
    if isinstance(error, RecursionError):
        return Invalid(["body"], "Nested too deeply")
    if isinstance(error, UNAVAILABLE):
        return Problem(503, "The catalogue does not answer; try again in a moment", {"Retry-After": "1"})
    if isinstance(error, TooManyRequestsException):
        return _too_often(error)
    if isinstance(error, HTTPException):
        if error.status_code == 400:
            return Invalid(["body"], error.detail, "json_invalid")
        return Problem(error.status_code, error.detail or "Error", dict(error.headers or {}))
    return Problem(500, "Internal error")


def _too_often(error: TooManyRequestsException) -> Problem:
    """Litestar's rate limit: what its headers say, as a sentence, and as the header that every client knows."""
    headers = dict(error.headers or {})
    limit, reset = headers.get("RateLimit-Limit"), max(1, int(headers.get("RateLimit-Reset", "60")))
    sentence = f"At most {limit} requests of this kind a minute for each organization; try again in {reset} s"
    return Problem(429, sentence, headers | {"Retry-After": str(reset)})


class ValidationError(Struct):
    """One malformed field (published)."""

    loc: list[str | int]
    msg: str
    type: str


class HTTPValidationError(Struct):
    """422 (published)."""

    detail: list[ValidationError]


class HTTPSentence(Struct):
    """Any other error, as a sentence (published)."""

    detail: str


class ErrorEnvelope(Struct):
    """An error of the hyphen API (contract 1.5)."""

    success: bool
    data: None
    message: str
    error_code: str
