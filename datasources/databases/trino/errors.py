"""Trino's errors as ours: by the names of its StandardErrorCode."""

from typing import Any

from msgspec import Struct

from datasources.databases.warehouse.errors import Refused
from datasources.model.vocabulary import ErrorCode

PERMISSION = ("PERMISSION_DENIED",)
FULL = ("QUERY_QUEUE_FULL", "CLUSTER_OUT_OF_MEMORY", "EXCEEDED_CLUSTER_MEMORY_LIMIT", "NO_NODES_AVAILABLE")
LATE = ("EXCEEDED_TIME_LIMIT", "EXCEEDED_CPU_LIMIT", "ABANDONED_QUERY", "USER_CANCELED", "ADMINISTRATIVELY_KILLED")
AWAY = ("SERVER_STARTING_UP", "SERVER_SHUTTING_DOWN", "PAGE_TRANSPORT_TIMEOUT", "REMOTE_HOST_GONE", "REMOTE_TASK_ERROR")
READ_ONLY = ("READ_ONLY_VIOLATION", "AUTOCOMMIT_WRITE_CONFLICT", "MULTI_CATALOG_WRITE_CONFLICT")

CODES: dict[str, ErrorCode] = {
    **dict.fromkeys(PERMISSION, ErrorCode.PERMISSION_DENIED),
    **dict.fromkeys(FULL, ErrorCode.TOO_MANY_CONNECTIONS),
    **dict.fromkeys(LATE, ErrorCode.TIMEOUT),
    **dict.fromkeys(AWAY, ErrorCode.CONNECTION_ERROR),
    **dict.fromkeys(READ_ONLY, ErrorCode.QUERY_NOT_READ_ONLY),
    "CATALOG_NOT_FOUND": ErrorCode.DATABASE_NOT_FOUND,
    "CATALOG_UNAVAILABLE": ErrorCode.DATABASE_NOT_FOUND,
    "SCHEMA_NOT_FOUND": ErrorCode.SCHEMA_NOT_FOUND,
    "MISSING_SCHEMA_NAME": ErrorCode.SCHEMA_NOT_FOUND,
}
"""Every other name is a fault of the query."""


class Failure(Struct, frozen=True, rename="camel"):
    """`error` of a QueryResults."""

    message: str = ""
    error_code: int = 0
    error_name: str = ""


def refusal_of(failure: Failure) -> Refused:
    """What a failed query means."""
    code = CODES.get(failure.error_name, ErrorCode.QUERY_ERROR)
    details: dict[str, Any] = {"trino_error": failure.error_name, "trino_error_code": failure.error_code}
    if failure.error_name in AWAY:
        details["transient"] = True
    return Refused(code, failure.message, details)
