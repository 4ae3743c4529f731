"""Errors of Azure's Blob service and of Entra as ours, by their documented codes."""

import re

from datasources.databases.objects.store import Said
from datasources.databases.refusal import Refusal
from datasources.model.vocabulary import ErrorCode

GRANT = (
    "Assign the roles of docs/databases/files_azure_datalake.md to the application, and wait a few minutes until they "
    "take effect."
)
SLOW = Refusal(ErrorCode.TOO_MANY_CONNECTIONS, "Test again when fewer requests reach the account.")
AWAY = Refusal(ErrorCode.CONNECTION_ERROR, transient=True)
CODES: dict[str, Refusal] = {
    **dict.fromkeys(
        ("AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation"),
        Refusal(ErrorCode.AUTHENTICATION_FAILED),
    ),
    **dict.fromkeys(
        ("AuthorizationFailure", "AuthorizationPermissionMismatch", "AuthorizationProtocolMismatch",
         "AuthorizationResourceTypeMismatch", "AuthorizationServiceMismatch", "AuthorizationSourceIPMismatch",
         "InsufficientAccountPermissions", "AccountIsDisabled", "PublicAccessNotPermitted"),
        Refusal(ErrorCode.PERMISSION_DENIED, GRANT),
    ),
    **dict.fromkeys(
        ("ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled", "InvalidResourceName", "OutOfRangeInput"),
        Refusal(ErrorCode.SCHEMA_NOT_FOUND, "Create the container, or name an existing one first in the path."),
    ),
    **dict.fromkeys(("ResourceNotFound", "InvalidUri"), Refusal(ErrorCode.DATABASE_NOT_FOUND, "Check account_name.")),
    "ServerBusy": SLOW,
    "OperationTimedOut": Refusal(ErrorCode.TIMEOUT),
    "InternalError": AWAY,
}  # fmt: skip
"""Of the Blob service ("Common REST API error codes", "Blob Storage error codes")."""
STATUS: dict[int, Refusal] = {
    401: CODES["AuthenticationFailed"],
    403: CODES["AuthorizationFailure"],
    404: CODES["ResourceNotFound"],
    408: Refusal(ErrorCode.TIMEOUT),
    429: SLOW,
    **dict.fromkeys((500, 502, 503), AWAY),
    504: Refusal(ErrorCode.TIMEOUT),
}
"""Of an answer whose code is in no table."""
ENTRA: dict[str, str] = {
    "AADSTS7000215": "Check client_secret: it is the secret's value, and not its id.",
    "AADSTS7000222": "The client secret has expired: make a new one for the application.",
    "AADSTS700016": "Check client_id, and that the application is in this tenant.",
    "AADSTS90002": "Check tenant_id.",
    "AADSTS900023": "Check tenant_id.",
    "AADSTS53003": "A policy of conditional access refuses the application.",
}
"""What the user does, by Entra's codes ("Microsoft Entra authentication and authorization error codes")."""
_ENTRA_CODE = re.compile(r"AADSTS\d+")


def said_by_service(status: int, code: str, text: str) -> Said:
    """What an answer of the Blob service means that is an error."""
    refusal = CODES.get(code) or STATUS.get(status) or Refusal(ErrorCode.QUERY_ERROR)
    return Said(
        refusal, text.partition("\n")[0] or "The service gave no reason", code or status, {"http_status": status}
    )


def said_by_entra(text: str) -> Said:
    """What a refused login means."""
    found = _ENTRA_CODE.search(text)
    code = found[0] if found else None
    message = text[found.start() :] if found else text.partition("\n")[0]
    return Said(Refusal(ErrorCode.AUTHENTICATION_FAILED, ENTRA.get(code or "")), message, code)
