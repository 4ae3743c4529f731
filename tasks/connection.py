"""Is the source there, and does it let us in?"""

import msgspec

from datasources.databases import database_of
from datasources.model import Finding
from tasks.check import Check


async def run(check: Check) -> Finding:
    """Open a fresh connection: TCP, TLS, login, database; who am I, is TLS on."""
    async with database_of(check.source).connect(check.source) as session:
        identity = await session.identity()
    details = msgspec.to_builtins(identity) | {"ssh_tunnel_established": check.source.via is not None}
    return Finding(message="Connected to the database", details=details)
