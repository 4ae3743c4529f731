"""Google Cloud Storage's errors as ours, by reason and HTTP status ("HTTP status and error codes for JSON")."""

from typing import Any

from datasources.databases.objects.store import Said
from datasources.databases.refusal import Refusal
from datasources.model.vocabulary import ErrorCode

GRANT = "Grant the service account the roles of docs/databases/google_cloud_storage.md on this bucket."
KEY = "Check that the key is not disabled or deleted, and that the worker's clock is right."
SLOW = Refusal(ErrorCode.TOO_MANY_CONNECTIONS, "Test again when fewer requests reach the bucket.")
AWAY = Refusal(ErrorCode.CONNECTION_ERROR, transient=True)
REASONS: dict[str, Refusal] = {
    **dict.fromkeys(
        ("rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded", "quotaExceeded", "resourceExhausted"), SLOW
    ),
    **dict.fromkeys(("authError", "required", "expired"), Refusal(ErrorCode.AUTHENTICATION_FAILED, KEY)),
    **dict.fromkeys(
        ("accountDisabled", "forbidden", "insufficientPermissions", "countryBlocked", "sslRequired",
         "UserProjectAccessDenied", "UserProjectAccountProblem", "retentionPolicyNotMet"),
        Refusal(ErrorCode.PERMISSION_DENIED, GRANT),
    ),
}  # fmt: skip
"""They say more than the status."""
STATUS: dict[int, Refusal] = {
    401: Refusal(ErrorCode.AUTHENTICATION_FAILED, KEY),
    403: Refusal(ErrorCode.PERMISSION_DENIED, GRANT),
    404: Refusal(ErrorCode.DATABASE_NOT_FOUND, "Check bucket_name."),
    408: Refusal(ErrorCode.TIMEOUT),
    429: SLOW,
    **dict.fromkeys((500, 502, 503), AWAY),
    504: Refusal(ErrorCode.TIMEOUT),
}
"""Every other status is a fault of what was asked."""


def said_of(status: int, errors: list[dict[str, Any]], text: str) -> Said:
    """What an answer of the service means that is an error."""
    first = errors[0] if errors and isinstance(errors[0], dict) else {}
    reason = str(first.get("reason") or "")
    refusal = REASONS.get(reason) or STATUS.get(status) or Refusal(ErrorCode.QUERY_ERROR)
    message = str(first.get("message") or text.rpartition(": ")[2] or "The service gave no reason")
    return Said(refusal, message, reason or status, {"http_status": status})
