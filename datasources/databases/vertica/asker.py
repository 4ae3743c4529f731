"""Vertica's driver: it finds our relay, shows no password in clear, and reads no file for the server."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from datasources.databases.dbapi.asker import DbapiAsker
from datasources.databases.vertica.errors import refusal_of
from datasources.databases.vertica.model import VerticaSource
from datasources.databases.warehouse.errors import Refused
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.tls import MODES, context_of
from datasources.network.way_out import Relay, Streams

SSL_REQUEST = struct.pack("!II", 8, 80877103)
"""PostgreSQL's: the length, and a version of the protocol that there is not."""
CLEARTEXT = (
    "The server asks for the password in clear text, and the connection is not encrypted: have the server use TLS, "
    "or set allow_cleartext_password if you trust the network in between"
)
KERBEROS = "The server asks for a login by Kerberos or OAuth, which are not supported: have it ask for the password"
VERSION_LIMIT = 100
UNTOLD = {
    b"client_os": "sourcecheck",
    b"client_os_user_name": "sourcecheck",
    b"client_os_hostname": "sourcecheck",
    b"client_pid": "0",
}
"""What the driver would tell of the worker's machine (security row 34)."""


class VerticaAsker(DbapiAsker):
    """One login at one database."""

    def __init__(self, source: VerticaSource, *, read_only: bool) -> None:
        super().__init__(source)
        self._options = source.options
        self._read_only = read_only
        self._encrypted = False
        self.database = source.options.dbname
        self.tls_verified = MODES[source.options.sslmode] or "none"

    def tls_context(self) -> ssl.SSLContext:
        """As `sslmode` has it; PostgreSQL's words."""
        return context_of(self._options.rootcert, self.tls_verified)

    def relay_to(self, addresses: Sequence[str], port: int) -> Relay:
        """TLS is agreed on and spoken by the relay: the driver would verify the relay's own name."""
        relay = super().relay_to(addresses, port)
        relay.agree = self._agree
        return relay

    async def _agree(self, _: Streams, far: socket.socket) -> bool:
        """Whether the server takes TLS. Raises `SourceUnreachable` where it has to and does not."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(far, SSL_REQUEST)
        answer = await loop.sock_recv(far, 1)
        if answer == b"S":
            self._encrypted = True
            return True
        if answer == b"N" and self._options.sslmode == "prefer":
            return False
        if answer == b"N":
            message = f"The server does not offer TLS, and sslmode is {self._options.sslmode}"
            raise SourceUnreachable(ErrorCode.TLS_ERROR, message, {"stage": "tls"})
        message = "The server ended the connection" if not answer else "The answer does not follow Vertica's protocol"
        code = ErrorCode.PROTOCOL_ERROR if answer else ErrorCode.CONNECTION_ERROR
        raise SourceUnreachable(code, message, {"stage": "tls"})

    def connect(self, port: int) -> Any:
        """Every setting is given: no other node, no balancing of load, no file, no Kerberos, no log."""
        return _guarded(self._may_show_password)(
            {
                "host": self.host,
                "port": port,
                "user": self._options.user,
                "password": self._options.password or "",
                "database": self._options.dbname,
                "autocommit": True,
                "session_label": "sourcecheck",
                "tlsmode": "disable",
                "backup_server_node": [],
                "connection_load_balance": False,
                "disable_copy_local": True,
                "use_prepared_statements": False,
                "oauth_access_token": "",
                "unicode_error": "replace",
            }
        )

    def _may_show_password(self) -> bool:
        return self._encrypted or self._options.allow_cleartext_password

    def refusal_of(self, error: Exception) -> Refused | None:
        """By SQLSTATE."""
        return refusal_of(error)

    async def greet(self) -> None:
        """Take on the role, only read, and learn who we are."""
        self.tls = self._encrypted
        if self._options.role:
            await self.rows('SET ROLE "' + self._options.role.replace('"', '""') + '"')
        await self.rows("SET STANDARD_CONFORMING_STRINGS TO ON")
        if self._read_only:
            await self.rows("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        with suppress(Refused):  # a user's own cap may be lower already
            await self.rows(f"SET SESSION RUNTIMECAP '{max(1, round(self._source.query_timeout))} seconds'")
        ((self.user, self.database, version),) = await self.rows("SELECT CURRENT_USER(), CURRENT_DATABASE(), VERSION()")
        self.version = version_of(str(version))


def version_of(said: str) -> str:
    """`Vertica 23.4.0-0` of `Vertica Analytic Database v23.4.0-0`."""
    word = next((word[1:] for word in said.split() if word[:1] == "v" and word[1:2].isdigit()), said)
    return f"Vertica {word[:VERSION_LIMIT]}"


def _guarded(may_show_password: Any) -> type[Any]:
    """The driver's connection, which tells who we are and not where, and gives no more away than a hash to log in."""
    from vertica_python import Connection
    from vertica_python.vertica.messages import Authentication, Startup

    class Guarded(Connection):  # type: ignore[misc,unused-ignore]
        def write(self, message: Any, vsocket: Any = None) -> None:
            if isinstance(message, Startup):
                message.parameters |= UNTOLD
            super().write(message, vsocket)

        def read_message(self) -> Any:
            message = super().read_message()
            if isinstance(message, Authentication):
                if message.code == Authentication.CLEARTEXT_PASSWORD and not may_show_password():
                    raise Refused(ErrorCode.AUTHENTICATION_FAILED, CLEARTEXT, {"cleartext": True})
                if message.code in (Authentication.GSS, Authentication.OAUTH):
                    raise Refused(ErrorCode.AUTHENTICATION_FAILED, KERBEROS)
            return message

        def notice_handler(self, notice: Any) -> None:
            """A notice is the server's text, and belongs into no log."""

    return Guarded
