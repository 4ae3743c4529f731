"""Translates Databricks' errors: of requests by error code, of statements by error class and SQLSTATE."""

import re
from typing import Any

import msgspec

from datasources.databases.warehouse.errors import STATUS, Refused
from datasources.databases.warehouse.http import Answer
from datasources.model.vocabulary import ErrorCode

CODES: dict[str, ErrorCode] = {
    "UNAUTHENTICATED": ErrorCode.AUTHENTICATION_FAILED,
    "PERMISSION_DENIED": ErrorCode.PERMISSION_DENIED,
    "RESOURCE_DOES_NOT_EXIST": ErrorCode.DATABASE_NOT_FOUND,
    "ENDPOINT_NOT_FOUND": ErrorCode.PROTOCOL_ERROR,
    "REQUEST_LIMIT_EXCEEDED": ErrorCode.TOO_MANY_CONNECTIONS,
    "RESOURCE_EXHAUSTED": ErrorCode.TOO_MANY_CONNECTIONS,
    "TEMPORARILY_UNAVAILABLE": ErrorCode.CONNECTION_ERROR,
    "WORKSPACE_TEMPORARILY_UNAVAILABLE": ErrorCode.CONNECTION_ERROR,
    "DEADLINE_EXCEEDED": ErrorCode.TIMEOUT,
}
"""docs.databricks.com, "Status codes"; any other code is a fault of the query."""
PASSING = frozenset({"TEMPORARILY_UNAVAILABLE", "WORKSPACE_TEMPORARILY_UNAVAILABLE"})
CLASSES: dict[str, ErrorCode] = {
    "INSUFFICIENT_PERMISSIONS": ErrorCode.PERMISSION_DENIED,
    "SCHEMA_NOT_FOUND": ErrorCode.SCHEMA_NOT_FOUND,
    "NO_SUCH_CATALOG_EXCEPTION": ErrorCode.DATABASE_NOT_FOUND,
    "CATALOG_NOT_FOUND": ErrorCode.DATABASE_NOT_FOUND,
    "OPERATION_CANCELED": ErrorCode.TIMEOUT,
}
STATES: dict[str, ErrorCode] = {
    "42501": ErrorCode.PERMISSION_DENIED,
    "57014": ErrorCode.TIMEOUT,
    "HY008": ErrorCode.TIMEOUT,
}
CLASS = re.compile(r"^(?:\S+: )?\[([A-Z_]++)(?:\.[A-Z_.]*+)?\]")
STATE = re.compile(r"SQLSTATE:? ?\(?([0-9A-Z]{5})")
NAME = re.compile(r"([A-Z_]+): ")
JAVA = re.compile(r"^(?:Error [a-z ]+: (?:\[[\w.]+\] )?|[\w.$]+(?:Exception|Error): )+")
"""The names of Java classes that Spark's server puts before a message."""
SAID_IN = ("X-Thriftserver-Error-Message", "X-Databricks-Error-Or-Redirect-Message", "X-Databricks-Reason-Phrase")
"""The headers in which a cluster says why it refuses a request; Databricks' own drivers read them."""
CALL_STATUS = STATUS | {404: ErrorCode.DATABASE_NOT_FOUND}
STARTING = (
    "The first request to a stopped cluster starts it, which takes minutes: set a connection_timeout longer than that "
    "to wait for it."
)
BAD_TOKEN = ("invalid access token", "token is expired", "credential was not sent", "invalid token")


def refusal_in(answer: Answer) -> Refused:
    """The error for an answer with a status other than 200."""
    try:
        body: dict[str, Any] = answer.read(dict[str, Any])
    except (msgspec.DecodeError, ValueError):
        return Refused.by_status(answer.status)
    name = str(body.get("error_code") or body.get("error") or "")
    message = str(body.get("message") or body.get("error_description") or name)
    code = CODES.get(name) or STATUS.get(answer.status) or ErrorCode.QUERY_ERROR
    if any(words in message.lower() for words in BAD_TOKEN) or name in ("invalid_client", "invalid_grant"):
        code = ErrorCode.AUTHENTICATION_FAILED
    details: dict[str, Any] = {"databricks_error": name, "http_status": answer.status} | _pause_in(answer)
    if name in PASSING:
        details["transient"] = True
    return Refused(code, message, details)


def refused_call(answer: Answer) -> Refused:
    """The error for a cluster's answer with a status other than 200; a header says why."""
    said = next((text for name in SAID_IN if (text := answer.headers.get(name))), "")
    if not said and answer.status not in (404, 503):
        return refusal_in(answer)
    name = found[1] if (found := NAME.match(said)) else ""
    code = CODES.get(name) or CALL_STATUS.get(answer.status, ErrorCode.PROTOCOL_ERROR)
    if any(words in said.lower() for words in BAD_TOKEN):
        code = ErrorCode.AUTHENTICATION_FAILED
    details: dict[str, Any] = {"databricks_error": name, "http_status": answer.status} | _pause_in(answer)
    if answer.status == 404:
        return Refused(code, said or "There is no cluster at this http_path", details)
    if answer.status != 503 and name not in PASSING:
        return Refused(code, said, details)
    details["transient"] = True
    return Refused(code, f"The cluster is not running yet ({said or 'HTTP status 503'})", details, STARTING)


def _pause_in(answer: Answer) -> dict[str, int]:
    """How many seconds the server asks us to wait before we try again, as `patiently` reads it."""
    said = answer.headers.get("Retry-After", "")
    return {"retry_after": int(said)} if re.fullmatch(r"[0-9]{1,4}", said) else {}


def failed_operation(message: str, sqlstate: str | None, *, ended: bool = False) -> Refused:
    """The error for a statement that failed on a cluster; `ended`: it was cancelled, closed or cut off."""
    return failed_statement("CANCELED" if ended else "FAILED", "", JAVA.sub("", message), sqlstate)


def failed_statement(state: str, name: str, message: str, sqlstate: str | None = None) -> Refused:
    """The error for a statement that did not succeed."""
    kind = found[1] if (found := CLASS.match(message)) else ""
    sqlstate = found[1] if (found := STATE.search(message)) else sqlstate
    code = CLASSES.get(kind) or STATES.get(sqlstate or "") or CODES.get(name) or ErrorCode.QUERY_ERROR
    if state in ("CANCELED", "CLOSED"):
        code = ErrorCode.TIMEOUT
    return Refused(
        code, message or f"The statement ended as {state}", {"error_class": kind or None, "sqlstate": sqlstate}
    )
