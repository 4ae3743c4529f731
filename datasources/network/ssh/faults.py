"""The errors of a gateway, all of them with the stage `ssh`."""

from typing import Any

from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode


def fault(code: ErrorCode, message: str, **details: Any) -> SourceUnreachable:
    """An error of the way to the source, not of the source."""
    return SourceUnreachable(code, message, {"stage": "ssh", **details})


def missing(*names: str) -> dict[str, Any]:
    """Details that say which secrets of the gateway are missing, by the names of its fields; empty for none."""
    return {"secret_missing": True, "missing": list(names)} if names else {}


def unusable(reason: str, *names: str) -> SourceUnreachable:
    """The gateway's private key cannot be used; `names` are the secrets that it lacks."""
    message = f"The private key for the SSH gateway cannot be used: {reason}"
    return fault(ErrorCode.SSH_AUTHENTICATION_FAILED, message, **missing(*names))


def lost(when: str) -> SourceUnreachable:
    """The gateway was there and is gone."""
    return fault(ErrorCode.SSH_CONNECTION_ERROR, f"The SSH gateway closed the connection {when}")
