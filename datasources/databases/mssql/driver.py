"""python-tds, one attempt at one connection that is there already.

Its `connect` resolves names, tries again, and follows a server to wherever that sends it: none of it is used. What is
used below it is private to the library, so it is here and nowhere else, pinned, and held by
tests/datasources/databases/mssql/test_logins.py.
"""

import logging
import socket
from datetime import UTC
from typing import Any

from msgspec import Struct

from datasources.databases.mssql.errors import LEAST_SEVERITY
from datasources.databases.mssql.tds import LARGEST
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode

NAME = "sourcecheck"
BLOCK = 4096
US_ENGLISH = 0x409


class Login(Struct, frozen=True):
    """What the server is told; either a user with a password or a token of Entra."""

    server: str
    database: str
    user: str = ""
    password: str = ""
    token: str | None = None
    read_only: bool = False
    """Whether a listener may send us to a secondary that only reads."""

    def __repr__(self) -> str:
        return f"Login({self.server!r}, {self.database!r}, {self.user!r})"


class Rerouted(SourceUnreachable):
    """The server names another one to go to."""

    def __init__(self, host: str, port: int) -> None:
        message = f"The server sends its clients on to {host}, port {port}, which is not an address of this source"
        advice = "Name that server as the host, or let the server answer for it (connection policy: Proxy)."
        super().__init__(ErrorCode.DESTINATION_FORBIDDEN, message, {"stage": "login"}, advice)
        self.place = host, port


def log_in(sock: socket.socket, login: Login) -> Any:
    """A connection of the driver's on this socket. Raises `Rerouted`, and what the driver raises."""
    from pytds import NonMarsConnection, tds_base
    from pytds.tds_socket import _TdsSocket

    logging.getLogger("pytds").setLevel(logging.CRITICAL)  # its messages quote names
    settings = _settings(login)
    tds = _TdsSocket(sock=sock, login=settings, autocommit=True)
    tds.main_session._writer = _writer(tds.main_session, sock)
    try:
        route = tds.login()
    except tds_base.Error as error:
        said = [message for message in tds.main_session.messages if message["severity"] >= LEAST_SEVERITY]
        raise (tds_base._create_exception_by_message(said[0]) if said else error) from error
    if route is not None:
        raise Rerouted(str(route["server"]).partition("\\")[0], int(route["port"]))
    return NonMarsConnection(pooling=False, key=(), tds_socket=tds)  # type: ignore[arg-type,unused-ignore]


def first_error(error: Exception, cursor: Any) -> Any:
    """The first error that the server sent about this statement or login; None where it sent none."""
    from pytds import DatabaseError

    for _, said in (cursor.messages if cursor is not None else None) or ():
        if said.severity >= LEAST_SEVERITY:
            return said
    return error if isinstance(error, DatabaseError) and error.msg_no else None


def is_closed(error: Exception) -> bool:
    """Whether the server ended the connection."""
    from pytds import ClosedConnectionError

    return isinstance(error, ClosedConnectionError)


class _Units(str):
    """A text whose length is that of its UTF-16: the driver counts characters where the protocol counts those."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self.encode("utf-16-le")) // 2


def _settings(login: Login) -> Any:
    from pytds import PreLoginEnc, tds_base

    made: Any = tds_base._TdsLogin()
    made.client_host_name = made.library = made.app_name = NAME
    made.server_name = login.server
    made.database = _Units(login.database)
    made.user_name, made.password = _Units(login.user), _Units(login.password)
    made.access_token = login.token
    made.readonly = login.read_only
    made.client_lcid = US_ENGLISH
    made.client_tz = UTC
    made.option_flag2 = tds_base.TDS_ODBC_ON
    made.bytes_to_unicode = True
    made.blocksize = BLOCK
    made.enc_flag = PreLoginEnc.ENCRYPT_NOT_SUP  # our relay speaks TLS
    return made


def _writer(session: Any, sock: socket.socket) -> Any:
    """The driver's own, but a server that names packets of two gigabytes gets none."""
    from pytds.tds_writer import _TdsWriter

    class Bounded(_TdsWriter):  # type: ignore[misc] # its types are not looked at
        @property
        def bufsize(self) -> int:
            return len(self._buf)

        @bufsize.setter
        def bufsize(self, size: int) -> None:
            if size > LARGEST:
                raise ValueError("a packet larger than TDS has")
            self._buf.extend(b"\0" * (size - len(self._buf)))
            del self._buf[size:]

    return Bounded(transport=sock, bufsize=BLOCK, tds_session=session)
