"""Opening a connection: dialled by us, bounded as a whole, read-only and limited over there as well."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from datasources.databases.blocking import Calls, open_in_thread
from datasources.databases.limits import Limit
from datasources.databases.mysql.errors import reason_of, translated
from datasources.databases.mysql.model import MysqlOptions
from datasources.databases.mysql.wire import Wire, driver_connection
from datasources.databases.opening import PROBE_SECONDS, addresses_of, opening
from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode
from datasources.network.dial import dial
from datasources.network.progress import Progress
from datasources.network.recognise import recognise_silent
from datasources.network.tls import MODES, Verification

T = TypeVar("T")

QUIET_SECONDS = 3.0
"""After how long a port that has not greeted is asked what it speaks: a MySQL server speaks first, others wait."""
KILL_SECONDS = 1.0
"""How long telling the server that we no longer wait may take."""
WHOLE = "SET SESSION sql_select_limit = 18446744073709551615, SESSION sql_big_selects = 1"
"""Of our questions, every row: a limit that an administrator has set for all sessions would cut them off in silence."""
WHO = "SELECT CURRENT_USER(), DATABASE(), VERSION(), @@hostname, @@port, CONNECTION_ID()"


class Opened:
    """An open connection, what answers there, and how long each stage took in milliseconds."""

    def __init__(self, driver: Any, wire: Wire, address: str, verification: Verification) -> None:
        self.driver = driver
        self.wire = wire
        self.address = address
        self.verification = verification
        """What of the server's certificate was verified, if it is encrypted."""
        self.stages_ms: dict[str, float] = {}
        self.user, self.database, self.version, *self.place, self.id = _row(driver, WHO)
        self.busy = False
        """Whether the server may still be at something of ours."""
        self._calls = Calls(wire.interrupt)

    @property
    def is_mariadb(self) -> bool:
        """Whatever the type of the source says."""
        return "MariaDB" in self.version

    async def within(
        self, limit: Limit, stage: str, work: Callable[[Any], T], prefix: str = "", **translation: Any
    ) -> T:
        """What `work` returns of the driver's connection. Raises `CheckError`."""
        self.busy = True
        try:
            with translated(stage, prefix, **translation):
                found = await self._calls.within(limit, stage, lambda: work(self.driver))
        except CheckError as error:
            self.busy = error.code is ErrorCode.TIMEOUT
            raise
        self.busy = False
        return found

    def close(self) -> None:
        """At once, without a farewell that would have to be waited for."""
        with suppress(OSError):
            self.wire.interrupt()
        forget_rest(self.driver)
        self.driver._force_close()
        self.wire.close()


def forget_rest(driver: Any) -> None:
    """Leave the remaining rows unread: PyMySQL would read every one of them as soon as the result is dropped."""
    if driver._result is not None:
        driver._result.unbuffered_active = False


@asynccontextmanager
async def opened(source: Source, *, read_only: bool) -> AsyncIterator[Opened]:
    """A fresh connection with our session settings, closed at the end; what still runs on it then is killed."""
    async with opening(source.connection_timeout) as progress:
        found = await _open(source, progress)
        try:
            progress.reached("database")
            with translated("database", kind=SourceUnreachable):
                await open_in_thread(partial(_prepare, found, source, read_only), lambda _: None, found.wire.interrupt)
        except BaseException:
            found.close()
            raise
        progress.end()
        found.stages_ms = progress.stages_ms
    try:
        yield found
    finally:
        found.close()
        if found.busy:
            await _kill(source, found)


async def _open(source: Source, progress: Progress) -> Opened:
    """Under `prefer`, try a server that asks for the password in clear again with TLS required."""
    options = source.options
    assert isinstance(options, MysqlOptions)  # noqa: S101 -- for the type checker
    tls = options.sslmode != "prefer"
    try:
        return await _log_in(source, progress, tls=tls)
    except SourceUnreachable as refusal:
        if tls or not refusal.details.get("cleartext"):
            raise
        try:
            return await _log_in(source, progress, tls=True)
        except SourceUnreachable as error:
            raise (refusal if error.code is ErrorCode.TLS_ERROR else error) from error


async def _log_in(source: Source, progress: Progress, *, tls: bool) -> Opened:
    options = source.options
    assert isinstance(options, MysqlOptions)  # noqa: S101 -- for the type checker
    progress.reached("resolve")
    addresses, port = await addresses_of(source)
    progress.reached("tcp")
    try:
        sock, address = await dial(addresses, port, progress)
    except TimeoutError:
        raise
    except OSError as error:
        raise SourceUnreachable(ErrorCode.CONNECTION_ERROR, reason_of(error), {"stage": "tcp"}) from error
    progress.reached("login")
    try:
        await _await_greeting(sock, addresses, port, progress)
    except BaseException:
        sock.close()
        raise
    wire = Wire(sock)
    try:
        with _refusals(options):
            return await open_in_thread(
                partial(_connected, options, wire, address, progress.left, tls), Opened.close, wire.interrupt
            )
    except BaseException:
        wire.socket.close()
        wire.close()
        raise


async def _await_greeting(sock: socket.socket, addresses: Sequence[str], port: int, progress: Progress) -> None:
    """Return once the server speaks, or may yet. Raises `SourceUnreachable` where it waits in another protocol."""
    spoken, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(sock, spoken.set)
    try:
        async with asyncio.timeout(min(QUIET_SECONDS, progress.left / 3)):
            await spoken.wait()
    except TimeoutError:
        what = await recognise_silent(addresses, port, min(PROBE_SECONDS, progress.left / 2))
        if what is not None:
            details = {"stage": "login", "speaks": what}
            raise SourceUnreachable(ErrorCode.PROTOCOL_ERROR, "It sends no greeting", details) from None
    finally:
        loop.remove_reader(sock)


def _connected(options: MysqlOptions, wire: Wire, address: str, seconds: float, tls: bool) -> Opened:
    driver = driver_connection(options, wire, seconds, tls=tls)
    driver.connect(wire.socket)
    wire.begin()
    return Opened(driver, wire, address, MODES[options.sslmode] or "none")


class _refusals:
    """A refused login as ours; without a password, it says that one is missing."""

    def __init__(self, options: MysqlOptions) -> None:
        self._options = options

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None or not isinstance(error, Exception):
            return
        try:
            with translated("login", kind=SourceUnreachable):
                raise error if not isinstance(error, ssl.SSLError) else _tls(error)
        except SourceUnreachable as refusal:
            if refusal.code is ErrorCode.TLS_ERROR:
                refusal.details["stage"] = "tls"
            if refusal.code is ErrorCode.AUTHENTICATION_FAILED and not self._options.password:
                refusal.details.update(secret_missing=True, missing=list(self._options.asked_fields))
            raise


def _tls(error: ssl.SSLError) -> SourceUnreachable:
    return SourceUnreachable(ErrorCode.TLS_ERROR, error.reason or str(error), {"stage": "tls"})


def _prepare(found: Opened, source: Source, read_only: bool) -> None:
    """Bound every statement over there, and make the session read-only unless it has to write."""
    _run(found.driver, WHOLE)
    seconds = max(0.001, source.query_timeout)
    if found.is_mariadb:
        _run(found.driver, f"SET SESSION max_statement_time = {seconds:.3f}")
    else:
        _run(found.driver, f"SET SESSION max_execution_time = {round(seconds * 1000)}")
    waits = max(1, round(seconds))
    _run(found.driver, f"SET SESSION lock_wait_timeout = {waits}, SESSION innodb_lock_wait_timeout = {waits}")
    if read_only:
        _run(found.driver, "SET SESSION TRANSACTION READ ONLY")


async def _kill(source: Source, found: Opened) -> None:
    """End what still runs for us: by a connection of its own, as MySQL has it, and only on the same server."""
    with suppress(CheckError, TimeoutError), translated("kill"):
        async with asyncio.timeout(KILL_SECONDS):
            other = await _open(source, Progress(KILL_SECONDS))
            try:
                if other.place == found.place:
                    await open_in_thread(
                        partial(_run, other.driver, f"KILL QUERY {int(found.id)}"), lambda _: None, other.wire.interrupt
                    )
            finally:
                other.close()


def _run(driver: Any, statement: str) -> None:
    with driver.cursor() as cursor:
        cursor.execute(statement)


def _row(driver: Any, statement: str) -> tuple[Any, ...]:
    with driver.cursor() as cursor:
        cursor.execute(statement)
        row: tuple[Any, ...] = cursor.fetchone()
        return row
