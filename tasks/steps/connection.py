"""Is the source there, and does it let us in?"""

import time
from contextlib import suppress
from typing import Any

import msgspec

from datasources.databases.base import Identity
from datasources.model.errors import CheckError
from datasources.model.results import Finding
from datasources.network.tls import WARNINGS
from datasources.network.tunnel import Tunnel
from tasks.context import StepContext


async def run(check: StepContext) -> Finding:
    """Open a fresh connection: tunnel, TCP, TLS, login, database; who am I, is TLS on.

    Details hold the time of its first query on the open connection, in milliseconds, which is the response time of a
    source. Notes the version for the version probe, which then needs no connection of its own.
    """
    via = check.source.via
    established: dict[str, Any] = {"ssh_tunnel_established": via is not None}
    if isinstance(via, Tunnel):
        established["ssh_tunnel"] = msgspec.to_builtins(via.info)
    try:
        async with check.session() as session:
            began = time.monotonic()
            identity = await session.identity()
            answered = round((time.monotonic() - began) * 1000, 3)
            with suppress(CheckError):  # the probe asks again, and says what is wrong
                check.recorder.version = await session.version()
    except CheckError as error:
        error.details.update(established)
        raise
    details = msgspec.to_builtins(identity) | established | {"response_time_ms": answered} | warning_of(check, identity)
    return Finding(message="Connected to the database", details=details)


def warning_of(check: StepContext, identity: Identity) -> dict[str, str]:
    """What the answer says of a connection over a network that is not verified in full (security row 31)."""
    sentence = WARNINGS[identity.tls_verified]
    if sentence is None or check.source.options.target is None:
        return {}
    return {"warning": f"Behind the SSH gateway: {sentence}" if check.source.via is not None else sentence}
