"""PyMySQL on a socket of ours: capped, ended from outside, and told nothing that it could look up by itself."""

import os
import socket
import ssl
from collections.abc import Callable
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from datasources.databases.flood import ANSWER_BYTES, LOGIN_BYTES, ByteCap
from datasources.databases.mysql.errors import KeptPassword
from datasources.databases.mysql.model import MysqlOptions
from datasources.network.tls import MODES, context_of

LATER_SECONDS = 2.0
"""The driver's own limit comes after ours: it ends a thread that was left behind."""
IN_CLEAR = ("mysql_clear_password", "dialog", "sha256_password")
"""Methods that show the password to any server that answers, or to the owner of the key that it sends."""


class Wire:
    """One connection's socket as seen from outside: PyMySQL owns it, and puts TLS around it."""

    def __init__(self, connected: socket.socket) -> None:
        self._tap = socket.socket(fileno=os.dup(connected.fileno()))
        self.cap = ByteCap(self._tap.fileno)
        self.most = LOGIN_BYTES
        """Bytes for the present answer."""
        self.socket = _capped(socket.socket, self.check)(fileno=connected.detach())
        self.tls_class: type[ssl.SSLSocket] = _capped(ssl.SSLSocket, self.check)

    def check(self) -> None:
        """Raises `Flood`."""
        self.cap.check(self.most)

    def begin(self, most: int = ANSWER_BYTES) -> None:
        """What arrives from now on is another answer."""
        self.cap.begin()
        self.most = most

    def interrupt(self) -> None:
        """End whatever is read or written, in any thread."""
        self._tap.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the descriptor back."""
        self._tap.close()


def _capped(kind: Any, check: Callable[[], None]) -> Any:
    """A class of sockets that count before they read."""

    class Capped(kind):  # type: ignore[misc]
        def recv_into(self, *args: Any) -> int:
            check()
            return int(super().recv_into(*args))

    return Capped


def driver_connection(options: MysqlOptions, wire: Wire, seconds: float, *, tls: bool) -> Any:
    """PyMySQL's connection, not yet open; `tls`: it must not go without.

    Raises `SourceUnreachable` for an authority that is none.
    """
    import pymysql
    from pymysql.converters import encoders

    to_server: Any = encoders
    guarded = not (tls or options.allow_cleartext_password)
    made: Any = pymysql.Connection(
        host=options.host,  # for TLS alone: the socket is there already
        port=options.port,
        user=options.user,
        password=(options.password or "").encode(),  # as text it would have to be latin-1
        database=options.db,
        charset="utf8mb4",
        use_unicode=True,
        conv=to_server,  # for what the driver itself says; values stay text
        connect_timeout=seconds + LATER_SECONDS,
        read_timeout=seconds + LATER_SECONDS,
        write_timeout=seconds + LATER_SECONDS,
        local_infile=False,  # a server could ask for any file (security row 4)
        autocommit=True,
        ssl=context_of(options.rootcert, MODES[options.sslmode] or "full") if tls else None,
        auth_plugin_map=dict.fromkeys(IN_CLEAR, Keeps) if guarded else None,
        server_public_key=_nobodys_key() if guarded else None,
        program_name="sourcecheck",
        defer_connect=True,
    )
    if made.ssl:
        made.ctx.sslsocket_class = wire.tls_class
    return made


class Keeps:
    """An authentication method that is not carried out."""

    def __init__(self, connection: Any) -> None:
        pass

    def authenticate(self, packet: Any) -> Any:
        """Raises `KeptPassword`."""
        raise KeptPassword


@cache
def _nobodys_key() -> bytes:
    """A public key whose private one is forgotten.

    Without TLS, PyMySQL would encrypt the password for any key that the server answers, and so for anyone in
    between. With this key it asks for none, and no one can read what it sends.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
