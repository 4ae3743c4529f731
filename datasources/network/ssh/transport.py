"""One SSH connection: silent in the logs, never waiting without a limit, and remembering what it was refused."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import paramiko
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.common import cMSG_SERVICE_REQUEST, cMSG_USERAUTH_REQUEST
from paramiko.transport import ServiceRequestingTransport

from datasources.model.inputs.host_keys import ALGORITHMS
from datasources.network.dial import KEEPALIVE_SECONDS

QUIET = logging.getLogger("datasources.network.ssh.wire")
"""What paramiko and sshtunnel say: addresses, users, hex dumps. It goes nowhere; our own errors say what happened."""
QUIET.addHandler(logging.NullHandler())
QUIET.setLevel(logging.CRITICAL)
QUIET.propagate = False


class AuthHandler(AuthOnlyHandler):
    """As paramiko's, but that an answer which comes at once is not missed: it begins to listen before it speaks."""

    def send_auth_request(
        self, username: str, method: str, finish_message: Callable[[paramiko.Message], None] | None = None
    ) -> list[str]:
        """Ask to be let in by this method, and wait for the answer."""
        self.auth_method, self.username = method, username
        self.auth_event = answered = threading.Event()
        message = paramiko.Message()
        message.add_byte(cMSG_USERAUTH_REQUEST)
        for text in (username, "ssh-connection", method):
            message.add_string(text)
        if finish_message:
            finish_message(message)
        with self.transport.lock:
            self.transport._send_message(message)  # type: ignore[attr-defined]
        return self.wait_for_response(answered)


class Transport(ServiceRequestingTransport):
    """A client's end of one SSH connection over an open socket.

    `key_types` are the types of host keys to ask for, most wanted first; `patience` is how long anything may take,
    in seconds, unless either side hangs up before.
    """

    def __init__(self, sock: socket.socket, key_types: Sequence[str], patience: float) -> None:
        self._accepted = threading.Event()
        super().__init__(sock)
        self.set_log_channel(QUIET.name)
        self.patience = patience
        self.banner_timeout = self.handshake_timeout = self.auth_timeout = patience
        self.get_security_options().key_types = tuple(name for key in key_types for name in ALGORITHMS[key])
        self.set_keepalive(KEEPALIVE_SECONDS)
        self.dismissed = False
        """Whether the gateway said that it hangs up, which is how some of them refuse a login."""
        self.refusals: list[int | None] = []
        """The reason of each channel that was not opened (RFC 4254, section 5.1); None where none was given."""

    def open_channel(self, *args: Any, **kwargs: Any) -> paramiko.Channel:
        """As paramiko's, with our limit instead of the caller's. Raises `paramiko.SSHException`."""
        try:
            return super().open_channel(*args, **kwargs | {"timeout": self.patience})
        except paramiko.ChannelException as error:
            self.refusals.append(error.code)
            raise
        except paramiko.SSHException:
            if self.is_active():
                self.refusals.append(None)
            raise

    def ensure_session(self) -> None:
        """Ask once whether we may log in: some gateways hang up when they are asked again before a second attempt.

        paramiko's own would wait for ever for one that is gone. Raises `paramiko.SSHException`.
        """
        if self._accepted.is_set():
            return
        self.auth_handler = AuthHandler(self)
        message = paramiko.Message()
        message.add_byte(cMSG_SERVICE_REQUEST)
        message.add_string("ssh-userauth")
        self._send_message(message)  # type: ignore[attr-defined]
        until = time.monotonic() + self.patience
        while not self._accepted.wait(0.1):
            if not self.is_active() or time.monotonic() > until:
                raise self.get_exception() or paramiko.SSHException("no answer to the request to log in")

    def _parse_service_accept(self, m: paramiko.Message) -> None:
        super()._parse_service_accept(m)  # type: ignore[misc]
        self._accepted.set()

    def hang_up(self) -> None:
        """End it at once and without waiting; the reading thread sees the end of the stream and cleans up."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        if not self.is_alive():
            self.sock.close()

    def _parse_disconnect(self, m: paramiko.Message) -> None:
        self.dismissed = True
        super()._parse_disconnect(m)  # type: ignore[misc]
