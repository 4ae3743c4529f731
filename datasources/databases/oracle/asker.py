"""Oracle's own driver in its thin mode, on a line of ours: it finds no client, wallet or alias of this machine."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from datasources.databases.flood import ANSWER_BYTES
from datasources.databases.opening import addresses_of
from datasources.databases.oracle.errors import refused
from datasources.databases.oracle.line import Line
from datasources.databases.oracle.model import OracleSource, statements_of
from datasources.databases.oracle.wallet import context_of
from datasources.databases.warehouse.asker import Asker, Row
from datasources.databases.warehouse.errors import Refused
from datasources.model.vocabulary import ErrorCode
from datasources.network.progress import Progress
from datasources.network.threads import in_thread

T = TypeVar("T")

PAGE = 500
CLOSE_SECONDS = 0.5
"""How long the farewell may take, which also tells the server that we no longer wait for an answer."""
WHO = "SELECT USER, SYS_CONTEXT('USERENV', 'CON_NAME'), SYS_CONTEXT('USERENV', 'DB_NAME') FROM dual"
BANNER = "SELECT banner FROM v$version WHERE banner LIKE 'Oracle%'"
READ_ONLY = "SET TRANSACTION READ ONLY"
US = "sourcecheck"


class OracleAsker(Asker):
    """One login at one service."""

    def __init__(self, source: OracleSource) -> None:
        super().__init__()
        self._source = source
        self._line: Line | None = None
        self._driver: Any = None
        self.progress = Progress(source.connection_timeout)
        self.tls = source.options.ssl
        self.database = source.options.database or ""

    async def log_in(self) -> None:
        """Log in, run the session's script, and learn who we are and what answers."""
        options = self._source.options
        if not options.password:
            missing = {"secret_missing": True, "missing": list(options.asked_fields)}
            raise Refused(ErrorCode.AUTHENTICATION_FAILED, "The source has no password", missing)
        context = await in_thread(lambda: context_of(options)) if options.ssl else None
        addresses, port = await addresses_of(self._source)
        self._line = line = Line(self._source, addresses, port, self.progress)
        line.context, line.wanted_name = context, options.ssl_server_dn
        with refused(line, at_login=True):
            self._driver = await line.call(lambda: _connect(settings_of(self._source, addresses[0], port, context)))
        self.address, self.tls_version = line.address, line.tls_version
        self.progress.reached("database")
        self._driver.call_timeout = max(1, round(self._source.query_timeout * 1000))
        for statement in statements_of(options.session_script):
            await self.rows(statement)
        ((self.user, container, name),) = await self.rows(WHO)
        self.database = self.database or str(container or name or "")
        self.version = await self._version()

    async def _version(self) -> str:
        """Product, edition and version; without the edition where the view is not shown."""
        with suppress(Refused):
            rows = await self.rows(BANNER)
            return version_of(str(rows[0][0]) if rows else "", self._driver.version)
        return version_of("", self._driver.version)

    async def pages(
        self, statement: str, *, most: int = ANSWER_BYTES, size: int = PAGE
    ) -> AsyncGenerator[list[Row], None]:
        """Rows as the driver fetches them, `size` at a time; no page for a statement that answers none."""
        assert self._line is not None  # noqa: S101 -- of a login
        self._line.begin(most)
        cursor = await self._call(lambda: _execute(self._driver, statement, size))
        if cursor is None:
            return
        first = True
        while True:
            rows = await self._call(lambda: cursor.fetchmany(size))
            if rows or first:
                yield [list(row) for row in rows]
            if not rows:
                return
            first = False

    async def reading_pages(self, statement: str) -> AsyncGenerator[list[Row], None]:
        """The same a row at a time, in a transaction that the server keeps from writing."""
        await self.rows(READ_ONLY)
        try:
            async for page in self.pages(statement, size=1):
                yield page
        finally:
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._call(self._driver.rollback)

    async def _call(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        assert self._line is not None  # noqa: S101 -- of a login
        with refused(self._line):
            return await self._line.call(make)

    async def cancel(self) -> None:
        """Say farewell, which tells the server to stop what it does for us, and cut the line."""
        if self._line is None:
            return
        if self._driver is not None:
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._call(self._driver.close)
        self._line.end()


def settings_of(source: OracleSource, address: str, port: int, context: Any) -> dict[str, Any]:
    """What the driver is told: an address that needs no resolver, one attempt, and nothing of this machine."""
    options = source.options
    place = {"sid" if options.database_type == "sid" else "service_name": options.database} if options.database else {}
    return {
        "user": options.user,
        "password": options.password,
        "host": address,
        "port": port,
        "protocol": "tcps" if options.ssl else "tcp",
        "ssl_context": context,
        "ssl_server_dn_match": False,  # by us: the driver knows an address only
        "retry_count": 0,
        "tcp_connect_timeout": source.connection_timeout,
        "expire_time": 0,
        "stmtcachesize": 0,
        "program": US,
        "machine": US,
        "terminal": US,
        "osuser": US,
        "driver_name": US,
    } | place


async def _connect(settings: dict[str, Any]) -> Any:
    import oracledb

    connection = await oracledb.connect_async(**settings)
    connection.outputtypehandler = _plain
    return connection


def _plain(cursor: Any, metadata: Any) -> Any:
    """Large objects come with their rows, numbers as they are written, and broken text as far as it can be read."""
    import oracledb

    kind, fetched = metadata.type_code, {"arraysize": cursor.arraysize}
    if kind in (oracledb.DB_TYPE_CLOB, oracledb.DB_TYPE_NCLOB):
        return cursor.var(oracledb.DB_TYPE_LONG, encoding_errors="replace", **fetched)
    if kind is oracledb.DB_TYPE_BLOB:
        return cursor.var(oracledb.DB_TYPE_LONG_RAW, **fetched)
    if kind is oracledb.DB_TYPE_NUMBER:
        return cursor.var(str, **fetched)
    if kind in (oracledb.DB_TYPE_VARCHAR, oracledb.DB_TYPE_CHAR, oracledb.DB_TYPE_LONG):
        return cursor.var(kind, encoding_errors="replace", **fetched)
    return None


async def _execute(driver: Any, statement: str, size: int) -> Any:
    cursor = driver.cursor()
    cursor.arraysize = cursor.prefetchrows = size
    await cursor.execute(statement)
    return cursor if cursor.description else None


def version_of(banner: str, number: str) -> str:
    """Like `Oracle Database 19c Enterprise Edition 19.21.0.0.0`."""
    return f"{banner.partition(' Release')[0].strip() or 'Oracle Database'} {number}"[:100]
