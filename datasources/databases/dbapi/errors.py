"""What goes wrong in a driver and is none of its own errors: the connection, or an answer that it cannot read."""

import ssl
from collections.abc import Sequence

from datasources.databases.warehouse.errors import Refused
from datasources.model.vocabulary import ErrorCode


def meaning_of(error: Exception) -> Refused:
    """What an error means that a driver lets through, or raises where an answer breaks its protocol."""
    details = {"reason": type(error).__name__}
    if isinstance(error, ssl.SSLError):
        return Refused(ErrorCode.TLS_ERROR, f"TLS failed: {error.reason or error}", details)
    if isinstance(error, TimeoutError):
        return Refused(ErrorCode.TIMEOUT, "The server does not answer", details)
    if isinstance(error, OSError | EOFError):
        message = getattr(error, "strerror", None) or "The server ended the connection"
        return Refused(ErrorCode.CONNECTION_ERROR, message, details)
    message = f"The server's answer breaks the protocol ({type(error).__name__})"
    return Refused(ErrorCode.PROTOCOL_ERROR, message, details)


def missing_secret(message: str, missing: Sequence[str]) -> Refused:
    """The source has no secret to log in with; `missing` are the fields that a test may ask for."""
    return Refused(ErrorCode.AUTHENTICATION_FAILED, message, {"secret_missing": True, "missing": list(missing)})
