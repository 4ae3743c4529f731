"""Reaching a gateway: resolve, connect, verify whose key it shows, log in."""

import os
import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from paramiko import PKey, SSHException
from paramiko.ssh_exception import IncompatiblePeer

from datasources.model.errors import SourceUnreachable
from datasources.model.inputs.host_keys import ALGORITHMS, HostKey, fingerprint_of
from datasources.model.settings import Settings
from datasources.model.source import SshTunnel
from datasources.model.vocabulary import ErrorCode
from datasources.network.addresses import Policy, resolve
from datasources.network.dial import dial
from datasources.network.progress import Progress
from datasources.network.recognise import first_bytes, recognise
from datasources.network.ssh.faults import fault, lost
from datasources.network.ssh.login import log_in
from datasources.network.ssh.private_keys import load_private_key
from datasources.network.ssh.transport import Transport
from datasources.network.threads import in_thread

PROBE_SECONDS = 2.0
"""How long a port without an SSH greeting may take to show what it speaks."""


class NoGreeting(Exception):
    """The server hung up, or sent something else, where SSH begins with a greeting."""


async def connect_gateway(gateway: SshTunnel, trusted: Collection[str], progress: Progress) -> Transport:
    """A connection to the gateway whose host key is verified and on which we are logged in.

    One connection for all of it: what is verified is what is used, and a gateway that counts connections without a
    login against us (OpenSSH's PerSourcePenalties) has none to count. Raises `SourceUnreachable`.
    """
    key = None
    if gateway.private_key:
        key = await in_thread(partial(load_private_key, gateway.private_key, gateway.passphrase))
    progress.reached("resolve")
    transport = await _verified(gateway, await _addresses(gateway), trusted, progress)
    try:
        progress.reached("login")
        await in_thread(partial(log_in, transport, gateway, key))
    except BaseException:
        transport.hang_up()
        raise
    return transport


async def _addresses(gateway: SshTunnel) -> list[str]:
    """Resolved once, by the same policy as every source (security rows 1 and 2)."""
    try:
        return await resolve(gateway.host, gateway.port, Policy.from_settings(Settings.load()))
    except SourceUnreachable as error:
        transient = {"transient": True} if error.transient else {}
        raise fault(error.code, f"SSH gateway: {error.message}", **transient) from error


def expected_keys(gateway: SshTunnel, trusted: Collection[str]) -> list[HostKey]:
    """The keys this gateway may show: the one pinned in the source alone, or else the trusted ones."""
    texts = [gateway.host_key] if gateway.host_key else trusted
    return [key for text in texts for key in HostKey.parse_all(text)]


async def _verified(
    gateway: SshTunnel, addresses: Sequence[str], trusted: Collection[str], progress: Progress
) -> Transport:
    """A connection to a gateway that showed an expected key.

    A gateway has keys of several types and shows one at a time: the expected types are asked for first, and where
    only fingerprints are known the others are asked for in turn before a key counts as changed.
    """
    expected = expected_keys(gateway, trusted)
    fingerprints = {key.fingerprint for key in expected}
    known = [key.key_type for key in expected if key.key_type]
    types = sorted(ALGORITHMS, key=lambda name: name not in known)
    shown: list[PKey] = []
    while types:
        try:
            transport, addresses = await _handshake(gateway, addresses, types, progress)
        except IncompatiblePeer as error:
            if shown:
                break
            raise _no_common_ground(error) from error
        key: PKey = transport.get_remote_server_key()
        if fingerprint_of(key.asbytes()) in fingerprints:
            return transport
        transport.hang_up()
        shown.append(key)
        if not expected:
            raise _unknown(gateway, key)
        if len(known) == len(expected):
            break
        types = [name for name in types if name != key.get_name()]
    raise _changed(gateway, fingerprints, shown)


async def _handshake(
    gateway: SshTunnel, addresses: Sequence[str], key_types: Sequence[str], progress: Progress
) -> tuple[Transport, Sequence[str]]:
    """A fresh connection after the key exchange, and the address at which it was to be had."""
    progress.reached("tcp")
    sock, address = await _dial(gateway, addresses, progress)
    progress.reached("handshake")
    # Ours is the limit that counts; paramiko's only ends a thread that we no longer wait for.
    transport = Transport(sock, key_types, progress.limit + 5)
    try:
        with _handshake_faults(transport):
            await in_thread(transport.start_client)
    except NoGreeting as error:
        transport.hang_up()
        left = min(PROBE_SECONDS, progress.left)
        raise _no_ssh(await first_bytes([address], gateway.port, left)) from error
    except BaseException:
        transport.hang_up()
        raise
    return transport, [address]


async def _dial(gateway: SshTunnel, addresses: Sequence[str], progress: Progress) -> tuple[socket.socket, str]:
    """The first address that answers. Raises `TimeoutError` where none does at all."""
    try:
        return await dial(addresses, gateway.port, progress)
    except TimeoutError:
        raise
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        where = f"{gateway.host}:{gateway.port}"
        raise fault(ErrorCode.SSH_CONNECTION_ERROR, f"Cannot connect to the SSH gateway {where}: {reason}") from error


@contextmanager
def _handshake_faults(transport: Transport) -> Iterator[None]:
    try:
        yield
    except IncompatiblePeer:
        raise
    except (SSHException, EOFError, OSError) as error:
        if transport.remote_version:
            raise lost("during the handshake") from error
        raise NoGreeting from error


def _no_ssh(first: bytes | None) -> SourceUnreachable:
    """Why there was no greeting, by what the port sends when it is asked again: SSH after all, or another protocol."""
    what = recognise(first or b"")
    if what == "SSH" or first == b"":
        return fault(
            ErrorCode.SSH_CONNECTION_ERROR,
            "The server at the SSH gateway's port hangs up before it speaks SSH: it may have too many logins under way "
            "(MaxStartups)",
            transient=True,
        )
    named = f", but {what}" if what else ""
    return fault(ErrorCode.SSH_CONNECTION_ERROR, f"The server at the SSH gateway's port does not speak SSH{named}")


def _no_common_ground(error: Exception) -> SourceUnreachable:
    return fault(ErrorCode.SSH_CONNECTION_ERROR, f"The SSH gateway offers no algorithm that we accept: {error}")


def _unknown(gateway: SshTunnel, key: PKey) -> SourceUnreachable:
    return fault(
        ErrorCode.SSH_HOST_KEY_UNKNOWN,
        f"The SSH gateway {gateway.host}:{gateway.port} shows a key that has not been confirmed",
        fingerprint=fingerprint_of(key.asbytes()),
        **_place(gateway, key),
    )


def _changed(gateway: SshTunnel, expected: Collection[str], shown: Sequence[PKey]) -> SourceUnreachable:
    return fault(
        ErrorCode.SSH_HOST_KEY_CHANGED,
        f"The SSH gateway {gateway.host}:{gateway.port} shows a different key from the confirmed one",
        expected=", ".join(sorted(expected)),
        found=", ".join(fingerprint_of(key.asbytes()) for key in shown),
        **_place(gateway, shown[0]),
    )


def _place(gateway: SshTunnel, key: PKey) -> dict[str, str | int]:
    return {
        "key_type": key.get_name(),
        "host": gateway.host,
        "port": gateway.port,
        "verify": f"ssh-keyscan -p {gateway.port} {gateway.host} | ssh-keygen -lf -",
    }
