"""S3's errors as ours, by the codes of its answers (Amazon S3 API Reference, "Error responses")."""

from typing import Any

from datasources.databases.objects.store import Said
from datasources.databases.refusal import Refusal
from datasources.model.vocabulary import ErrorCode

REGION = "Name the region that the bucket is in."
CLOCK = "Set the worker's clock: S3 refuses requests that are signed 15 minutes off."
GRANT = "Attach the policy of docs/databases/aws_s3.md to the user of this access key."
SLOW = Refusal(ErrorCode.TOO_MANY_CONNECTIONS, "Test again when fewer requests reach the bucket.")
AWAY = Refusal(ErrorCode.CONNECTION_ERROR, transient=True)
ELSEWHERE = Refusal(ErrorCode.DATABASE_NOT_FOUND, REGION)
CODES: dict[str, Refusal] = {
    **dict.fromkeys(
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "TokenRefreshRequired",
         "InvalidSecurity", "NotSignedUp", "UnauthorizedAccess", "AuthFailure", "InvalidClientTokenId"),
        Refusal(ErrorCode.AUTHENTICATION_FAILED, "Check key_id and secret, and that the key is active."),
    ),
    "RequestTimeTooSkewed": Refusal(ErrorCode.AUTHENTICATION_FAILED, CLOCK),
    **dict.fromkeys(
        ("AccessDenied", "AllAccessDisabled", "AccountProblem", "403", "Forbidden", "KMS.DisabledException"),
        Refusal(ErrorCode.PERMISSION_DENIED, GRANT),
    ),
    **dict.fromkeys(("NoSuchBucket", "InvalidBucketName"), Refusal(ErrorCode.DATABASE_NOT_FOUND, "Check bucket_name.")),
    **dict.fromkeys(
        ("PermanentRedirect", "Redirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "301", "307",
         "IllegalLocationConstraintException"),
        ELSEWHERE,
    ),
    **dict.fromkeys(("SlowDown", "TooManyRequests", "RequestLimitExceeded", "Throttling", "503 SlowDown"), SLOW),
    **dict.fromkeys(("InternalError", "ServiceUnavailable", "500", "502", "503", "OperationAborted"), AWAY),
    **dict.fromkeys(("RequestTimeout", "RequestTimeoutException", "504"), Refusal(ErrorCode.TIMEOUT)),
}  # fmt: skip
"""Every other code is a fault of what was asked."""
REDIRECTS = frozenset(code for code, refusal in CODES.items() if refusal is ELSEWHERE)
PLACE = "x-amz-bucket-region"


def said_of(response: dict[str, Any]) -> Said:
    """What an answer of the service means that is an error."""
    error = response.get("Error", {})
    code = str(error.get("Code") or response.get("ResponseMetadata", {}).get("HTTPStatusCode") or "")
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    message = str(error.get("Message") or code or "The service gave no reason")
    if code in REDIRECTS and (region := headers.get(PLACE) or error.get("Region")):
        message = f"The bucket is in the region {region} ({message})"
    return Said(CODES.get(code, Refusal(ErrorCode.QUERY_ERROR)), message, code)
