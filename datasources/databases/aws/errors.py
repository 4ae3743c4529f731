"""Errors of AWS's services as ours, by the names that they give."""

import re
from typing import Any

import msgspec

from datasources.databases.warehouse.errors import Refused
from datasources.databases.warehouse.http import Answer
from datasources.model.vocabulary import ErrorCode

LOGIN = (
    "UnrecognizedClientException", "InvalidSignatureException", "IncompleteSignatureException", "ExpiredTokenException",
    "MissingAuthenticationTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch", "IncompleteSignature",
    "InvalidAccessKeyId", "MissingAuthenticationToken", "AuthFailure",
)  # fmt: skip
CODES: dict[str, ErrorCode] = {
    **dict.fromkeys(LOGIN, ErrorCode.AUTHENTICATION_FAILED),
    **dict.fromkeys(
        ("AccessDeniedException", "AccessDenied", "UnauthorizedException", "OptInRequired"), ErrorCode.PERMISSION_DENIED
    ),
    **dict.fromkeys(
        ("ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"), ErrorCode.TOO_MANY_CONNECTIONS
    ),
    **dict.fromkeys(
        ("InternalServerException", "InternalServiceException", "ServiceUnavailable"), ErrorCode.CONNECTION_ERROR
    ),
    **dict.fromkeys(("EntityNotFoundException", "MetadataException"), ErrorCode.DATABASE_NOT_FOUND),
    "RequestExpired": ErrorCode.AUTHENTICATION_FAILED,
}
PASSING = frozenset(name for name, code in CODES.items() if code is ErrorCode.CONNECTION_ERROR)
XML = re.compile(r"<(Code|Message)>([^<]*)</\1>")
"""Of what stands before a service, and of older services."""


def refusal_in(answer: Answer) -> Refused:
    """What an answer of another status than 200 means."""
    try:
        body: dict[str, Any] = answer.read(dict[str, Any])
    except (msgspec.DecodeError, ValueError):
        body = {found[1]: found[2] for found in XML.finditer(answer.body[:4096].decode(errors="replace"))}
        if "Code" not in body:
            return Refused.by_status(answer.status)
        body["__type"] = body["Code"]
    name = str(body.get("__type") or answer.headers.get("x-amzn-errortype") or "").rpartition("#")[2].partition(":")[0]
    message = str(body.get("message") or body.get("Message") or name)
    details: dict[str, Any] = {"aws_error": name, "http_status": answer.status}
    if name in PASSING:
        details["transient"] = True
    return Refused(CODES.get(name, ErrorCode.QUERY_ERROR), message, details)
