"""Teradata's driver: it finds our relay, looks for no other node, and takes no text for an order of its own."""

import asyncio
import base64
import json
import socket
from collections.abc import Sequence
from typing import Any

from datasources.databases.dbapi.asker import DbapiAsker
from datasources.databases.dbapi.errors import missing_secret
from datasources.databases.teradata.errors import refusal_of
from datasources.databases.teradata.frames import Frames
from datasources.databases.teradata.model import TeradataSource
from datasources.databases.warehouse.errors import Refused
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.tls import context_of
from datasources.network.way_out import LOOPBACK, Relay, Streams

LATER_SECONDS = 2
"""The driver's own limit comes after ours: it ends a thread that was left behind."""
SSL_MODES = {"full": "VERIFY-FULL", "ca": "VERIFY-CA", "none": "REQUIRE"}
NOWHERE = "none.invalid"
"""A host that there is not: no destination goes round the relay."""
VERSION = "SELECT USER, DATABASE, InfoData FROM DBC.DBCInfoV WHERE InfoKey = 'VERSION'"
VERSION_LIMIT = 100


class TeradataAsker(DbapiAsker):
    """One login at one system.

    Without TLS the driver speaks to the relay as to the database. TLS is HTTPS for Teradata, with a host's name in it:
    there the relay is the driver's proxy, and TLS goes through it from the driver to the server. The driver looks
    the name up all the same, and does without what it finds.
    """

    def __init__(self, source: TeradataSource) -> None:
        super().__init__(source)
        self._options = source.options
        self.tls = source.options.tls
        self.tls_verified = source.options.ssl_verification

    def relay_to(self, addresses: Sequence[str], port: int) -> Relay:
        """The way to the source, as a proxy's where TLS is wanted. Raises `SourceUnreachable` for a bad certificate."""
        relay = super().relay_to(addresses, port)
        if self.tls:
            context_of(self._options.rootcert)  # what is no certificate is refused with our own words
            relay.agree = self._answer_as_proxy
        else:
            relay.look = Frames().look
        return relay

    async def _answer_as_proxy(self, near: Streams, _: socket.socket) -> bool:
        """Let the driver through to its one destination; TLS is its own."""
        reader, writer = near
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ConnectionAbortedError("The driver has left") from error
        wanted = b"CONNECT %s:%d HTTP/" % (_bracketed(self._options.host), self._options.target[1])
        if not head.startswith(wanted):
            message = "The driver was sent to another address than this source's"
            raise SourceUnreachable(ErrorCode.DESTINATION_FORBIDDEN, message, {"stage": "tls"})
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return False

    async def log_in(self) -> None:
        """Raises `Refused` without a password: null is no ticket, and no store of keys, of the worker's machine."""
        if not self._options.password:
            raise missing_secret("The source has no password", self._options.asked_fields)
        await super().log_in()

    def connect(self, port: int) -> Any:
        """Every setting is given: no other node, no other proxy, no question about revoked certificates, no redrive."""
        import teradatasql

        settings = self._login() | (self._by_tls(port) if self.tls else self._directly(port))
        return teradatasql.connect(json.dumps(settings))

    def _login(self) -> dict[str, str]:
        seconds = round(self._source.connection_timeout) + LATER_SECONDS
        return {
            "user": self._options.user,
            "password": self._options.password or "",
            "database": self._options.database,
            "logmech": "TD2",
            "tmode": "TERA",
            "cop": "false",
            "redrive": "0",
            "runstartup": "false",
            "lob_support": "false",
            "teradata_values": "false",
            "log": "0",
            "use_system_proxy": "false",
            "connect_timeout": str(seconds * 1000),
            "logon_timeout": str(seconds),
            "request_timeout": str(round(self._source.query_timeout) + LATER_SECONDS),
        }

    def _directly(self, port: int) -> dict[str, str]:
        return {"host": LOOPBACK, "dbs_port": str(port), "sslmode": "DISABLE", "encryptdata": "true"}

    def _by_tls(self, port: int) -> dict[str, str]:
        host, https_port = self._options.target
        settings = {
            "host": host,
            "https_port": str(https_port),
            "https_proxy": f"http://{LOOPBACK}:{port}",
            "http_proxy": f"http://{LOOPBACK}:{port}",
            "proxy_bypass_hosts": NOWHERE,
            "sslmode": SSL_MODES[self._options.ssl_verification],
            "sslcrc": "DISABLE",
            "sslocsp": "false",
        }
        if self._options.rootcert:
            settings["sslbase64"] = base64.urlsafe_b64encode(self._options.rootcert.encode()).decode().rstrip("=")
        return settings

    def refusal_of(self, error: Exception) -> Refused | None:
        """By the database's numbers."""
        return refusal_of(error)

    async def greet(self) -> None:
        """Learn who we are."""
        ((self.user, self.database, version),) = await self.rows(VERSION)
        self.version = f"Teradata {str(version).strip()[:VERSION_LIMIT]}"


def _bracketed(host: str) -> bytes:
    return (f"[{host}]" if ":" in host else host).encode("idna" if not host.isascii() else "ascii")
