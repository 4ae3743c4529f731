"""BigQuery's errors as ours: by the reason that its API gives, or else by the HTTP status."""

from typing import Any

import msgspec
from msgspec import Struct

from datasources.databases.warehouse.errors import STATUS, Refused
from datasources.databases.warehouse.http import Answer
from datasources.model.vocabulary import ErrorCode

CODES: dict[str, ErrorCode] = {
    **dict.fromkeys(("authError", "required", "invalidGrant", "expired"), ErrorCode.AUTHENTICATION_FAILED),
    **dict.fromkeys(
        ("accessDenied", "forbidden", "billingNotEnabled", "blocked", "accessNotConfigured"),
        ErrorCode.PERMISSION_DENIED,
    ),
    **dict.fromkeys(
        ("rateLimitExceeded", "quotaExceeded", "jobRateLimitExceeded", "userRateLimitExceeded"),
        ErrorCode.TOO_MANY_CONNECTIONS,
    ),
    **dict.fromkeys(("backendError", "internalError", "tableUnavailable"), ErrorCode.CONNECTION_ERROR),
    **dict.fromkeys(("timeout", "stopped", "jobTimeout"), ErrorCode.TIMEOUT),
    "notFound": ErrorCode.SCHEMA_NOT_FOUND,
}
"""docs.cloud.google.com/bigquery/docs/error-messages; every other reason is a fault of the query."""
PASSING = frozenset({"backendError", "internalError", "tableUnavailable"})
GRANT_JOBS = (
    "Grant the service account roles/bigquery.jobUser on the project, and roles/bigquery.dataViewer on the data."
)


class Item(Struct, frozen=True):
    """One of the reasons of a failure."""

    reason: str = ""
    message: str = ""


class Failure(Struct, frozen=True):
    """`error` of an answer."""

    code: int = 0
    message: str = ""
    errors: list[Item] = []
    status: str = ""


class Failed(Struct, frozen=True):
    """An answer that is an error."""

    error: Failure


def refusal_in(answer: Answer) -> Refused:
    """What an answer of another status than 200 means."""
    try:
        failure = answer.read(Failed).error
    except (msgspec.DecodeError, ValueError):
        return Refused.by_status(answer.status)
    reason = failure.errors[0].reason if failure.errors else ""
    return refusal_of(reason, failure.message, answer.status)


def refusal_of(reason: str, message: str, status: int = 200) -> Refused:
    """What a reason means."""
    code = CODES.get(reason) or STATUS.get(status) or ErrorCode.QUERY_ERROR
    if status == 401:
        code = ErrorCode.AUTHENTICATION_FAILED
    if reason == "notFound" and message.lower().startswith("not found: project"):
        code = ErrorCode.DATABASE_NOT_FOUND
    details: dict[str, Any] = {"bigquery_reason": reason, "http_status": status}
    if reason in PASSING:
        details["transient"] = True
    return Refused(code, message, details, GRANT_JOBS if code is ErrorCode.PERMISSION_DENIED else None)
