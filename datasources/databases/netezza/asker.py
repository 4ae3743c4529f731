"""IBM's driver for Netezza: it finds our relay, and moves no file at the server's word."""

import logging
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

from datasources.databases.dbapi.asker import DbapiAsker
from datasources.databases.dbapi.errors import missing_secret
from datasources.databases.netezza.errors import refusal_of
from datasources.databases.netezza.handshake import UNSECURED, agree
from datasources.databases.netezza.model import NetezzaSource
from datasources.databases.warehouse.errors import Refused
from datasources.model.vocabulary import ErrorCode
from datasources.network.tls import context_of
from datasources.network.way_out import Relay

FILES = b"uUlex"
"""Messages by which a server has the driver write a file, or read one and send it (external tables)."""
SAID = "Error occured, server response:%s"
"""How the driver logs the sentence with which the server refuses a login; its error has none."""
VERSION_LIMIT = 100
US = "sourcecheck"


class NetezzaAsker(DbapiAsker):
    """One login at one database."""

    def __init__(self, source: NetezzaSource, *, read_only: bool) -> None:
        super().__init__(source)
        self._options = source.options
        self._read_only = read_only
        self._said = ""
        self.database = source.options.database
        self.tls = source.options.tls
        self.tls_verified = source.options.ssl_verification

    def tls_context(self) -> ssl.SSLContext | None:
        """As the source asks for it."""
        return context_of(self._options.rootcert, self.tls_verified) if self.tls else None

    def relay_to(self, addresses: Sequence[str], port: int) -> Relay:
        """TLS is agreed on and spoken by the relay."""
        relay = super().relay_to(addresses, port)
        relay.agree = partial(agree, tls=self._options.tls)
        return relay

    async def log_in(self) -> None:
        """Raises `Refused` without a user and a password, which every login needs."""
        if not self._options.username or not self._options.password:
            raise missing_secret("A user and a password are missing", self._options.asked_fields)
        await super().log_in()

    def connect(self, port: int) -> Any:
        """Every setting is given; nothing is logged, because the log would have the hash of the password."""
        with self._overheard():
            return _guarded()(
                user=self._options.username,
                host=self.host,
                unix_sock=None,
                port=port,
                database=self._options.database,
                password=self._options.password,
                ssl=None,
                securityLevel=UNSECURED,
                timeout=None,
                application_name=US,
                max_prepared_statements=0,
                datestyle="ISO",
                logLevel=logging.WARNING,
                tcp_keepalive=False,
                char_varchar_encoding="latin",
                logOptions=0,
            )

    @contextmanager
    def _overheard(self) -> Iterator[None]:
        """Keep what the driver logs, in this thread, of the server's refusal."""
        logger = logging.getLogger("nzpy.Connection[" + self._options.database + "}]")
        ear = _Ear(threading.get_ident())
        logger.addHandler(ear)
        try:
            yield
        finally:
            logger.removeHandler(ear)
            self._said = ear.said

    def refusal_of(self, error: Exception) -> Refused | None:
        """By the server's sentences."""
        return refusal_of(error, self._said)

    async def greet(self) -> None:
        """Only read, and learn who we are."""
        if self._read_only:
            await self.rows("SET SESSION READ ONLY")
        ((self.user, self.database, version),) = await self.rows("SELECT CURRENT_USER, CURRENT_CATALOG, VERSION()")
        self.version = version_of(str(version))


def version_of(said: str) -> str:
    """`Netezza 11.2.1.0` of `Release 11.2.1.0 [Build 4]`."""
    words = [word for word in said.split() if word[:1].isdigit()]
    return f"Netezza {(words[0] if words else said)[:VERSION_LIMIT]}"


class _Ear(logging.Handler):
    """Hears one kind of record of one thread, and passes nothing on."""

    def __init__(self, thread: int) -> None:
        super().__init__(logging.WARNING)
        self._thread = thread
        self.said = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and record.msg == SAID and record.args:
            self.said = record.getMessage().removeprefix(SAID % "")


def _guarded() -> type[Any]:
    """The driver's connection, which refuses every message that would have it open a file."""
    import nzpy

    _tell_nothing()

    class Guarded(nzpy.Connection):  # type: ignore[misc,unused-ignore]
        def _safe_read(self, number: int) -> bytes:
            data: bytes = super()._safe_read(number)
            if number == 1 and data in FILES:
                message = "The server asked for a file of the worker's, which it does not get"
                raise Refused(ErrorCode.PROTOCOL_ERROR, message)
            return data

    return Guarded


def _tell_nothing() -> None:
    """Have the driver tell nothing of the worker's machine (security row 34): it takes no other names than these."""
    from nzpy import core, handshake

    handshake.getuser = handshake.gethostname = handshake.system = lambda: US
    handshake.argv = [US]
    core.getpass = SimpleNamespace(getuser=handshake.getuser)
    core.platform = SimpleNamespace(system=handshake.system, uname=lambda: SimpleNamespace(machine=US))
