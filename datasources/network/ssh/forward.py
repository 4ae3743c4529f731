"""What a gateway carries for us: one target, reached through a port on our own loopback."""

import selectors
import socket

from paramiko import Channel, ChannelException, SSHException
from sshtunnel import BaseSSHTunnelForwarderError, SSHTunnelForwarder

from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.dial import KEEPALIVE_SECONDS
from datasources.network.ssh.faults import fault, lost
from datasources.network.ssh.transport import QUIET, Transport

LOOPBACK = "127.0.0.1"
PROHIBITED, CONNECT_FAILED = 1, 2
"""Reasons for which a channel is not opened (RFC 4254, section 5.1)."""
REASONS = {PROHIBITED: "prohibited", CONNECT_FAILED: "connect_failed"}
PIECE_BYTES = 16_384
LOOK_SECONDS = 5.0
"""How often a connection on which nothing arrives is looked at: its channel may have ended without a word."""


class Forwarder(SSHTunnelForwarder):  # type: ignore[misc]
    """The local end of a tunnel, over a connection that is verified and logged in already.

    Left to itself sshtunnel opens a connection of its own, without a limit of time, and writes into a log why that
    failed. It is given no secret at all: it would show them in its repr.
    """

    def __init__(self, transport: Transport, address: tuple[str, int], target: tuple[str, int]) -> None:
        self._given = transport
        super().__init__(
            address,
            ssh_config_file=None,
            ssh_host_key=transport.get_remote_server_key(),
            ssh_username="unused",
            ssh_password="unused",  # noqa: S106 - it insists on one
            allow_agent=False,
            host_pkey_directories=[],
            local_bind_address=(LOOPBACK, 0),
            remote_bind_address=target,
            set_keepalive=KEEPALIVE_SECONDS,
            compression=False,
            logger=QUIET,
        )

    def _connect_to_gateway(self) -> None:
        self._transport = self._given

    def _make_ssh_forward_handler_class(self, remote_address_: tuple[str, int]) -> type:
        return type("Handler", (_Carrier, super()._make_ssh_forward_handler_class(remote_address_)), {})

    def open(self) -> int:
        """Start to listen, and return the port. Raises `SourceUnreachable`."""
        try:
            self.start()
            return int(self.local_bind_port)
        except BaseSSHTunnelForwarderError as error:
            failure = self._failure()
            self.shut()
            raise failure from error

    def shut(self) -> None:
        """Stop to listen, then end the connection. Blocks for up to 0.1 s, in which what is on its way gets there."""
        if self.is_alive:
            self.stop()
        else:  # its threads never started, and stopping would wait for them for ever
            for server in self._server_list:
                server.server_close()
        self._given.hang_up()
        self._given.join(1)

    def _failure(self) -> SourceUnreachable:
        if not self._given.is_active():
            return lost("before the tunnel was open")
        return fault(ErrorCode.INTERNAL_ERROR, "The local end of the SSH tunnel could not be opened")


class _Carrier:
    """Carries one connection, also where the process has more than 1,024 files open.

    sshtunnel's own way is select(2), which refuses descriptors beyond that, and then the connection ends silently.
    A process that has many checks under way, each through a gateway, can get there.
    """

    request: socket.socket

    def _redirect(self, channel: Channel) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(self.request, selectors.EVENT_READ)
            ready.register(channel, selectors.EVENT_READ)
            while channel.active:
                readable = {key.fileobj for key, _ in ready.select(LOOK_SECONDS)}
                if self.request in readable:
                    data = self.request.recv(PIECE_BYTES)
                    if not data:
                        return
                    channel.sendall(data)
                if channel in readable:
                    data = channel.recv(PIECE_BYTES) if channel.recv_ready() else b""
                    if not data:
                        return
                    self.request.sendall(data)


def try_forward(transport: Transport, target: tuple[str, int]) -> None:
    """Have the gateway connect to the target once. Blocks: for a thread.

    Later a refusal would only be seen as a closed connection. Raises `SourceUnreachable`.
    """
    try:
        transport.open_channel("direct-tcpip", target, (LOOPBACK, 0)).close()
    except ChannelException as error:
        raise refused(error.code, target) from error
    except (SSHException, EOFError, OSError) as error:
        if transport.is_active():
            raise refused(None, target) from error
        raise lost("when asked to forward") from error


def refused(reason: int | None, target: tuple[str, int]) -> SourceUnreachable:
    """The error of a gateway that does not forward to the target."""
    where = f"{target[0]}:{target[1]}"
    sentences = {
        PROHIBITED: f"The SSH gateway does not allow forwarding to {where}",
        CONNECT_FAILED: f"The SSH gateway cannot connect to {where}",
    }
    return fault(
        ErrorCode.SSH_FORWARD_REFUSED,
        sentences.get(reason or 0, f"The SSH gateway did not forward to {where}"),
        reason=REASONS.get(reason or 0, "other"),
        target=where,
    )
