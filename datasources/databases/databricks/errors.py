"""Databricks' errors as ours: of a request by its error code, of a statement by its error class and SQLSTATE."""

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
"""docs.databricks.com, "Status codes"; every other is a fault of the query."""
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
CLASS = re.compile(r"^(?:\S+: )?\[([A-Z_]+)[A-Z_.]*\]")
STATE = re.compile(r"SQLSTATE:? ?\(?([0-9A-Z]{5})")
BAD_TOKEN = ("invalid access token", "token is expired", "credential was not sent", "invalid token")


def refusal_in(answer: Answer) -> Refused:
    """What an answer of another status than 200 means."""
    try:
        body: dict[str, Any] = answer.read(dict[str, Any])
    except (msgspec.DecodeError, ValueError):
        return Refused.by_status(answer.status)
    name = str(body.get("error_code") or body.get("error") or "")
    message = str(body.get("message") or body.get("error_description") or name)
    code = CODES.get(name) or STATUS.get(answer.status) or ErrorCode.QUERY_ERROR
    if any(words in message.lower() for words in BAD_TOKEN) or name in ("invalid_client", "invalid_grant"):
        code = ErrorCode.AUTHENTICATION_FAILED
    details: dict[str, Any] = {"databricks_error": name, "http_status": answer.status}
    if name in PASSING:
        details["transient"] = True
    return Refused(code, message, details)


def failed_statement(state: str, name: str, message: str) -> Refused:
    """What a statement means that has not succeeded."""
    kind = found[1] if (found := CLASS.match(message)) else ""
    sqlstate = found[1] if (found := STATE.search(message)) else None
    code = CLASSES.get(kind) or STATES.get(sqlstate or "") or CODES.get(name) or ErrorCode.QUERY_ERROR
    if state in ("CANCELED", "CLOSED"):
        code = ErrorCode.TIMEOUT
    return Refused(
        code, message or f"The statement ended as {state}", {"error_class": kind or None, "sqlstate": sqlstate}
    )
