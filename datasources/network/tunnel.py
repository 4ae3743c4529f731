"""The way to a source: a copy of it as seen from here.

A source without `ssh_tunnel` is reached as it is. Behind a gateway, `open_tunnel` opens a tunnel for the length of one
test and yields a copy with `via`: drivers connect to that address and verify TLS for the name in `options`, as ever.
The runner of the steps wraps each in `tunnel_faults`, so that a broken tunnel is not taken for a broken database.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from functools import partial
from ipaddress import ip_address
from typing import TypeVar

import msgspec
from msgspec import Struct

from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.inputs.host_keys import fingerprint_of
from datasources.model.source import Source, SshTunnel, Via
from datasources.model.vocabulary import ErrorCode
from datasources.network.addresses import Policy, canonical, is_metadata_name, literal, look_up
from datasources.network.progress import Progress
from datasources.network.ssh.faults import fault, lost
from datasources.network.ssh.forward import LOOPBACK, Forwarder, refused, try_forward
from datasources.network.ssh.gateway import connect_gateway
from datasources.network.ssh.transport import Transport
from datasources.network.threads import in_thread

AnySource = TypeVar("AnySource", bound=Source)

CLOSING_SECONDS = 2.0
ANSWER_SECONDS = 1.0
"""How long a gateway may take to say that it is still there, once something went wrong."""
LOOKUP_SECONDS = 2.0
"""How long the target's name is looked up here; it is the gateway that has to know it."""
SUSPECT = frozenset({ErrorCode.CONNECTION_ERROR, ErrorCode.TLS_ERROR, ErrorCode.TIMEOUT})
"""What drivers report when it may have been the tunnel."""


class TunnelInfo(Struct, kw_only=True, frozen=True):
    """What an answer may say about a tunnel."""

    established: bool
    fingerprint: str
    key_type: str
    opened_ms: float


class Tunnel(Via):
    """An open tunnel, and what became of it."""

    def __init__(self, forwarder: Forwarder, transport: Transport, target: tuple[str, int], opened_ms: float) -> None:
        super().__init__(LOOPBACK, forwarder.open())
        self.target = target
        self._forwarder = forwarder
        self._transport = transport
        self._key = transport.get_remote_server_key()
        self._opened_ms = opened_ms
        self._asking = threading.Lock()

    @property
    def info(self) -> TunnelInfo:
        """The gateway's key, how long opening took in milliseconds, and whether the tunnel stands."""
        return TunnelInfo(
            established=self._transport.is_active(),
            fingerprint=fingerprint_of(self._key.asbytes()),
            key_type=self._key.get_name(),
            opened_ms=self._opened_ms,
        )

    @property
    def refusals(self) -> int:
        """How many connections the gateway did not forward so far."""
        return len(self._transport.refusals)

    async def fault(self, refusals: int) -> SourceUnreachable | None:
        """Why something went wrong that started when there were so many `refusals`; None if not by the tunnel."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await in_thread(self._ask)
        except TimeoutError:
            return fault(ErrorCode.TIMEOUT, "The SSH gateway no longer answers")
        if not self._transport.is_active():
            return lost("during the test")
        since = self._transport.refusals[refusals:]
        return refused(since[0], self.target) if since else None

    def _ask(self) -> None:
        """Wait for any answer of the gateway, or for its end; one at a time, paramiko keeps one answer only."""
        with self._asking, suppress(Exception):
            self._transport.global_request("keepalive@openssh.com", wait=True)

    async def close(self) -> None:
        """End it, at the latest after `CLOSING_SECONDS`."""
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await in_thread(self._forwarder.shut)
        except TimeoutError:
            pass
        finally:
            self._transport.hang_up()


@asynccontextmanager
async def open_tunnel(source: AnySource, *, trusted_keys: Collection[str] = ()) -> AsyncIterator[AnySource]:
    """Yield the source with the address at which it answers from here, so that no step ever asks.

    `trusted_keys` are the host keys (fingerprints or public key lines) that the source's organization has confirmed
    for this gateway; a key pinned in the source itself counts alone. Opening takes `connection_timeout` at most.

    Raises `SourceUnreachable`, with `details["stage"] == "ssh"`: SSH_HOST_KEY_UNKNOWN (details: fingerprint, key_type,
    host, port, verify), SSH_HOST_KEY_CHANGED (expected, found, …), SSH_AUTHENTICATION_FAILED (`secret_missing` when
    the gateway wants what is not there), SSH_CONNECTION_ERROR, SSH_FORWARD_REFUSED (reason, target), HOST_NOT_FOUND,
    TIMEOUT, DESTINATION_FORBIDDEN.
    """
    if source.ssh_tunnel is None:
        yield source
        return
    tunnel = await _open(source, source.ssh_tunnel, trusted_keys)
    try:
        seen_from_here = msgspec.structs.replace(source, via=tunnel)
        async with tunnel_faults(seen_from_here):
            yield seen_from_here
    finally:
        await tunnel.close()


@asynccontextmanager
async def tunnel_faults(source: Source) -> AsyncIterator[None]:
    """Where a driver saw a broken connection and it was the tunnel: raise that `from` the driver's error."""
    tunnel = source.via
    if not isinstance(tunnel, Tunnel):
        yield
        return
    refusals = tunnel.refusals
    try:
        yield
    except CheckError as error:
        if error.code not in SUSPECT or error.details.get("stage") == "ssh":
            raise
        found = await tunnel.fault(refusals)
        if found is None:
            raise
        raise found from error


async def _open(source: Source, gateway: SshTunnel, trusted_keys: Collection[str]) -> Tunnel:
    reached = source.options.target
    assert reached is not None  # noqa: S101 -- a source that could have no tunnel is not made with one
    target = (canonical(reached[0]), reached[1])
    started = time.monotonic()
    progress = Progress(source.connection_timeout, stage="key")
    transport: Transport | None = None
    try:
        async with asyncio.timeout(progress.limit):
            await check_target(target)
            transport = await connect_gateway(gateway, trusted_keys, progress)
            progress.reached("forward")
            await in_thread(partial(try_forward, transport, target))
        # From here on nothing waits, so that nothing can be cancelled between listening and giving it away.
        forwarder = Forwarder(transport, (gateway.host, gateway.port), target)
        return Tunnel(forwarder, transport, target, round((time.monotonic() - started) * 1000, 2))
    except BaseException as error:
        if transport is not None:
            transport.hang_up()
        if isinstance(error, TimeoutError):
            raise _silent(progress, target) from error
        raise


def _silent(progress: Progress, target: tuple[str, int]) -> SourceUnreachable:
    who = f"The SSH gateway got no answer from {target[0]}:{target[1]}"
    if progress.stage != "forward":
        who = "No answer from the SSH gateway"
    return fault(
        ErrorCode.TIMEOUT, f"{who} within {progress.limit:.3g} s (stage: {progress.stage})", ssh_stage=progress.stage
    )


async def check_target(target: tuple[str, int]) -> None:
    """Refuse targets that are refused everywhere: link-local and metadata, multicast, unspecified (security, row 22).

    Private and loopback addresses are the gateway's, not ours, and what tunnels are for. A name is the gateway's to
    resolve, which may get any of its addresses: as far as it means something here as well, none of them may be one of
    these. Raises `SourceUnreachable`.
    """
    if not await _allowed_beyond(*target):
        raise fault(
            ErrorCode.DESTINATION_FORBIDDEN,
            f"Behind the SSH gateway: the address of {target[0]} is not allowed",
            target=f"{target[0]}:{target[1]}",
        )


async def _allowed_beyond(host: str, port: int) -> bool:
    policy = Policy(allow_private=True)
    name = canonical(host)
    if address := literal(name):
        return policy.allows(address)
    if is_metadata_name(name):
        return False
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            found = await look_up(name, port)
    except (TimeoutError, SourceUnreachable):  # a name that only the gateway knows
        return True
    return all(policy.allows(ip_address(address.split("%")[0])) for address in found)
