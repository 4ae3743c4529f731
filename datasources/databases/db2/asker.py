"""IBM's own driver behind a relay: it gets one connection, that speaks TLS for it where the source says so."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from datasources.databases.db2.errors import refusal_of
from datasources.databases.db2.library import driver
from datasources.databases.db2.model import Db2Source
from datasources.databases.dbapi.asker import CLOSE_SECONDS, DbapiAsker
from datasources.databases.dbapi.errors import missing_secret
from datasources.databases.names import literal
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.errors import Refused
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network import tls

WHO = "SELECT RTRIM(CURRENT USER), RTRIM(CURRENT SERVER) FROM SYSIBM.SYSDUMMY1"
LUW = "DB2/"
"""How Db2 for Linux, UNIX and Windows begins its name: DB2/LINUXX8664."""
OTHERS = {"DB2": "Db2 for z/OS", "AS": "Db2 for i"}
NO_CERTIFICATE = "ssl_certificate is not a certificate in PEM form: give its text, not a path"
SEMICOLON = "The driver takes no password with a semicolon in it: set another one for this user"


class Db2Asker(DbapiAsker):
    """One login at one database."""

    _source: Db2Source

    def __init__(self, source: Db2Source) -> None:
        super().__init__(source)
        self.tls = source.options.ssl
        self.database = source.options.dbname
        self.is_luw = True
        """Whether it has the catalogue of Linux, UNIX and Windows."""

    def tls_context(self) -> ssl.SSLContext | None:
        """Db2's protocol begins with TLS, so that the relay speaks it. Raises `SourceUnreachable`."""
        options = self._source.options
        if not options.ssl:
            return None
        try:
            return tls.context_of(options.ssl_certificate)
        except SourceUnreachable as error:
            raise SourceUnreachable(error.code, NO_CERTIFICATE, error.details) from error

    async def log_in(self) -> None:
        """Without a password nothing is connected: the driver would take the worker's own user."""
        options = self._source.options
        if not options.password:
            raise missing_secret("The source has no password", options.asked_fields)
        if ";" in options.password:
            raise Refused(ErrorCode.AUTHENTICATION_FAILED, SEMICOLON)
        await super().log_in()

    def connect(self, port: int) -> Any:
        """By a string that holds all there is; every statement commits by itself."""
        module = driver()
        connection = module.connect(settings_of(self._source, port), "", "")
        connection.set_autocommit(True)
        return connection

    def refusal_of(self, error: Exception) -> Refused | None:
        """By the code in the driver's message."""
        return refusal_of(str(error)) if isinstance(error, driver().Error) else None

    async def greet(self) -> None:
        """Who we are, and which Db2 answers."""
        product, number = await self.call(self._connection.server_info)
        self.is_luw = str(product).startswith(LUW)
        self.version = version_of(str(product), str(number))
        ((self.user, self.database),) = await self.rows(WHO)
        if schema := self._source.options.current_schema:
            await self.rows(f"SET CURRENT SCHEMA {literal(folded(schema))}")

    @asynccontextmanager
    async def undone(self) -> AsyncIterator[None]:
        """A transaction that is rolled back in any case, also by the server, when the connection is cut."""
        await self.call(partial(self._connection.set_autocommit, False))
        try:
            yield
        finally:
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self.call(self._end)

    def _end(self) -> None:
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None
        self._connection.rollback()
        self._connection.set_autocommit(True)

    async def reading_pages(self, statement: str) -> AsyncGenerator[list[Row], None]:
        """The pages of a statement, whose work is undone."""
        async with self.undone():
            async for page in self.pages(statement):
                yield page


def settings_of(source: Db2Source, port: int) -> str:
    """The driver's connection string: the relay, and a password that is not sent in clear unless the source says so."""
    options = source.options
    settings = {
        "DATABASE": options.dbname,
        "HOSTNAME": Db2Asker.host,
        "PORT": str(port),
        "PROTOCOL": "TCPIP",
        "CONNECTTIMEOUT": str(max(1, round(min(source.connection_timeout, options.connection_timeout)))),
        "PROGRAMNAME": "sourcecheck",
        "CLIENTWRKSTNNAME": "sourcecheck",  # else the machine's name (security row 34)
    }
    if not options.ssl and not options.allow_cleartext_password:
        settings["AUTHENTICATION"] = "SERVER_ENCRYPT"
    settings |= {"UID": options.user, "PWD": options.password or ""}
    return "".join(f"{name}={value};" for name, value in settings.items())


def version_of(product: str, number: str) -> str:
    """Like `Db2 11.5.9.0 (LINUXX8664)`, of `DB2/LINUXX8664` and `11.05.0900`."""
    parts = [part for part in number.split(".") if part.isdecimal()]
    if len(parts) == 3 and len(parts[2]) == 4:
        parts[2:] = [parts[2][:2], parts[2][2:]]
    words = ".".join(str(int(part)) for part in parts) or number[:50]
    if product.startswith(LUW):
        return f"Db2 {words} ({product.removeprefix(LUW)[:50]})"
    return f"{OTHERS.get(product, product[:50])} {words}"


def folded(name: str) -> str:
    """A name as Db2 takes it without quotes: one in lower case is in upper case."""
    return name.upper() if name.islower() else name
