"""Where a failure happened: adds host and port to the sentence if it is about the way to a server."""

from collections.abc import Mapping

import msgspec

from datasources.model.results import StepResult
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode

ABOUT_THE_PLACE = frozenset(
    {
        ErrorCode.CONNECTION_ERROR,
        ErrorCode.PROTOCOL_ERROR,
        ErrorCode.HOST_NOT_FOUND,
        ErrorCode.TLS_ERROR,
        ErrorCode.DESTINATION_FORBIDDEN,
        ErrorCode.SSH_CONNECTION_ERROR,
        ErrorCode.SSH_FORWARD_REFUSED,
    }
)
"""Codes of failures that are about the way to a server, whatever the stage."""
STAGES = frozenset({"resolve", "tcp", "tls", "login", "ssh"})
"""Where a limit that is over is about the server, and not about what it was asked."""


def placed(result: StepResult, source: Source) -> StepResult:
    """The result with `host` and `port` in its details and, unless its sentence names the host already, behind it.

    For the stage `ssh` these are the gateway's; of a source that is reached at several hosts the failure says which it
    was. A result that is not about a server stays as it is.
    """
    place = _place(result, source)
    if place is None:
        return result
    host, port, words = place
    message = result.message if host in result.message else f"{result.message} ({words})"
    return msgspec.structs.replace(result, message=message, details=result.details | {"host": host, "port": port})


def _place(result: StepResult, source: Source) -> tuple[str, int, str] | None:
    """Host, port, and both in words."""
    stage, target, tunnel = result.details.get("stage"), source.options.target, source.ssh_tunnel
    about = result.error_code in ABOUT_THE_PLACE or (result.error_code is ErrorCode.TIMEOUT and stage in STAGES)
    if target is None:
        target = _told(result.details)
    if not about or target is None:
        return None
    if tunnel is None:
        return *target, f"{target[0]}, port {target[1]}"
    gateway = f"SSH gateway {tunnel.host}, port {tunnel.port}"
    if stage == "ssh" and result.error_code is not ErrorCode.SSH_FORWARD_REFUSED:
        return tunnel.host, tunnel.port, gateway
    return *target, f"{target[0]}, port {target[1]}, through the {gateway}"


def _told(details: Mapping[str, object]) -> tuple[str, int] | None:
    host, port = details.get("host"), details.get("port")
    return (host, port) if isinstance(host, str) and isinstance(port, int) else None
