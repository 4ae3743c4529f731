"""The words that travel on the wire, in Prefect's metadata and in the catalogue: one place for all of them."""

from enum import StrEnum
from typing import Literal


class JobStatus(StrEnum):
    """Where a job or one of its steps stands. The published enumeration, seven words."""

    needs_confirmation = "needs_confirmation"
    needs_authentication = "needs_authentication"
    waiting = "waiting"
    processing = "processing"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether this status is the last one."""
        return self in _ENDED


_ENDED = frozenset({JobStatus.done, JobStatus.failed, JobStatus.cancelled})


class ConfigurationCheckStep(StrEnum):
    """The four published steps, in the order in which they are answered."""

    connection = "connection"
    temp_schema = "temp_schema"
    schema_download = "schema_download"
    lineage_download = "lineage_download"


class Code(StrEnum):
    """The short verdict of a step. The published client breaks on any other word; `UNKNOWN` is never answered."""

    OK = "OK"
    ERROR = "ERROR"
    SKIP = "SKIP"
    UNKNOWN = "UNKNOWN"


class Outcome(StrEnum):
    """What came of a step, for people."""

    success = "success"
    failed = "failed"
    skipped = "skipped"


class ErrorCode(StrEnum):
    """Why a check says no. Stable words; `datasources.model.errors.REMEDIATIONS` has a sentence for each."""

    CONNECTION_ERROR = "CONNECTION_ERROR"
    PROTOCOL_ERROR = "PROTOCOL_ERROR"
    HOST_NOT_FOUND = "HOST_NOT_FOUND"
    TIMEOUT = "TIMEOUT"
    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    DATABASE_NOT_FOUND = "DATABASE_NOT_FOUND"
    SCHEMA_NOT_FOUND = "SCHEMA_NOT_FOUND"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    TLS_ERROR = "TLS_ERROR"
    TOO_MANY_CONNECTIONS = "TOO_MANY_CONNECTIONS"
    QUERY_ERROR = "QUERY_ERROR"
    QUERY_NOT_READ_ONLY = "QUERY_NOT_READ_ONLY"
    SSH_CONNECTION_ERROR = "SSH_CONNECTION_ERROR"
    SSH_AUTHENTICATION_FAILED = "SSH_AUTHENTICATION_FAILED"
    SSH_HOST_KEY_UNKNOWN = "SSH_HOST_KEY_UNKNOWN"
    SSH_HOST_KEY_CHANGED = "SSH_HOST_KEY_CHANGED"
    SSH_FORWARD_REFUSED = "SSH_FORWARD_REFUSED"
    DRIVER_MISSING = "DRIVER_MISSING"
    DESTINATION_FORBIDDEN = "DESTINATION_FORBIDDEN"
    SECRET_UNAVAILABLE = "SECRET_UNAVAILABLE"  # noqa: S105 -- a word, and no secret
    WORKER_LOST = "WORKER_LOST"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class StatusEvent(StrEnum):
    """The names of our Prefect events: a source became `failed`, or it no longer is."""

    down = "sourcecheck.data-source.down"
    up = "sourcecheck.data-source.up"


SCHEMA_EVENTS = {
    "removed": "sourcecheck.data-source.table-removed",
    "renamed": "sourcecheck.data-source.table-renamed",
    "changed": "sourcecheck.data-source.table-changed",
}
"""The names of our Prefect events about schemas, by what happened to a table."""

OnQuestion = Literal["ask", "fail"]
"""What a test does that needs a person's answer: ask for it, or fail with the code."""

Role = Literal["member", "admin"]
"""What a member of an organization may do: an `admin` changes its members, its alerts and its public status page."""
