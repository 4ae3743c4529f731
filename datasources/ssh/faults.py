"""The ways in which a gateway says no, all of them with the stage `ssh`."""

from typing import Any

from datasources.errors import SourceUnreachable
from datasources.words import ErrorCode


def fault(code: ErrorCode, message: str, **details: Any) -> SourceUnreachable:
    """An error of the way to the source, not of the source."""
    return SourceUnreachable(code, message, {"stage": "ssh", **details})


def unusable(reason: str, *, secret_missing: bool = False) -> SourceUnreachable:
    """The gateway's private key cannot be used."""
    more = {"secret_missing": True} if secret_missing else {}
    return fault(
        ErrorCode.SSH_AUTHENTICATION_FAILED, f"The private key for the SSH gateway cannot be used: {reason}", **more
    )


def lost(when: str) -> SourceUnreachable:
    """The gateway was there and is gone."""
    return fault(ErrorCode.SSH_CONNECTION_ERROR, f"The SSH gateway closed the connection {when}")
