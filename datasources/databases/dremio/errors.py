"""Dremio's errors as ours: by the HTTP status, and of a job by the kind of failure that its sentence begins with."""

import re
from typing import Any

import msgspec

from datasources.databases.warehouse.errors import STATUS, TEXT_LIMIT, Refused
from datasources.databases.warehouse.http import Answer
from datasources.model.vocabulary import ErrorCode

KINDS: dict[str, ErrorCode] = {
    "PERMISSION ERROR": ErrorCode.PERMISSION_DENIED,
    "CONNECTION ERROR": ErrorCode.CONNECTION_ERROR,
    "RESOURCE ERROR": ErrorCode.TOO_MANY_CONNECTIONS,
    "OUT_OF_MEMORY ERROR": ErrorCode.TOO_MANY_CONNECTIONS,
    "SOURCE_BAD_STATE": ErrorCode.CONNECTION_ERROR,
    "CONCURRENT_MODIFICATION ERROR": ErrorCode.QUERY_ERROR,
}
"""UserException's kinds; every other is a fault of the query."""
KIND = re.compile(r"^([A-Z_]+ ERROR|SOURCE_BAD_STATE)\b:?")
NOT_FOUND = 404
PERMISSION = ("permission", "access denied", "not authorized", "no privileges", "you do not have")
MISSING = re.compile(
    r"(?i)(?:schema|path|folder|space|source) \[?.*?\]? ?(?:does not exist|(?:is )?not found)"
    r"|cannot find (?:schema|source)"
)


def refusal_in(answer: Answer) -> Refused:
    """What an answer of another status than 200 means."""
    try:
        body: dict[str, Any] = answer.read(dict[str, Any])
    except (msgspec.DecodeError, ValueError):
        return Refused.by_status(answer.status)
    message = str(body.get("errorMessage") or body.get("message") or "")
    code = STATUS.get(answer.status, ErrorCode.QUERY_ERROR)
    if answer.status == NOT_FOUND:  # of a project
        code = ErrorCode.DATABASE_NOT_FOUND
    return Refused(code, message or f"HTTP status {answer.status}", {"http_status": answer.status})


def failed_job(state: str, message: str) -> Refused:
    """What a job means that was not completed."""
    message = message[:TEXT_LIMIT]
    found = KIND.match(message)
    code = KINDS.get(found[1] if found else "", ErrorCode.QUERY_ERROR)
    if state == "CANCELED":
        code = ErrorCode.TIMEOUT
    elif any(words in message.lower() for words in PERMISSION):
        code = ErrorCode.PERMISSION_DENIED
    elif MISSING.search(message):
        code = ErrorCode.SCHEMA_NOT_FOUND
    return Refused(code, message or f"The job ended as {state}", {"job_state": state})
