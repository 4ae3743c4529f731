"""Opening a connection: resolved once, bounded as a whole, and always knowing how far it got."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import psycopg
from msgspec import structs
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.waiting import wait_async

from datasources.databases.flood import LOGIN_BYTES, ByteCap, Flood, received_bytes
from datasources.databases.opening import addresses_of, opening
from datasources.databases.postgres import sqlstates
from datasources.databases.postgres.answers import UTF_8
from datasources.databases.postgres.errors import flooded, refused
from datasources.databases.postgres.model import PgOptions, PgSource
from datasources.databases.postgres.parameters import (
    Certificates,
    certificate_files,
    conninfo,
    no_environment,
    verification_of,
)
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.dial import share
from datasources.network.progress import Progress
from datasources.network.tls import Verification

T = TypeVar("T")

CANCEL_SECONDS = 0.5
"""How long the server may take to accept that we cancel."""

STAGES: dict[int, str] = {
    pq.ConnStatus.STARTED: "tcp",
    pq.ConnStatus.NEEDED: "tcp",
    pq.ConnStatus.MADE: "tls",
    pq.ConnStatus.SSL_STARTUP: "tls",
    pq.ConnStatus.AUTH_OK: "database",
}
"""libpq's status to the stage that a connection is in; every other is part of the login."""


class Connection(psycopg.AsyncConnection):
    """psycopg's connection, but that it takes no flood, and does not wait for the server once the waiting is cancelled.

    psycopg would give the server up to ten seconds to end what it does; here the connection is closed anyway.
    """

    def __init__(self, pgconn: pq.abc.PGconn) -> None:
        super().__init__(pgconn)
        self._cap = ByteCap(lambda: _descriptor(pgconn))
        self.prepare_threshold = None  # a prepared statement would stay on a connection that a pooler lends us

    @property
    def codec(self) -> str:
        """Python's name for the encoding in which the server sends text: the database's own, so that it converts none.

        Bytes of a database that declares no encoding (SQL_ASCII) are read as UTF-8.
        """
        try:
            found = self.info.encoding
        except (psycopg.NotSupportedError, psycopg.OperationalError):  # unknown, or the connection is broken
            return UTF_8
        return UTF_8 if found == "ascii" else found

    @property
    def database(self) -> str:
        """The database's name as we sent it at the login: psycopg would read it in the server's encoding."""
        return self.pgconn.db.decode(errors="replace")

    def encode(self, statement: str) -> bytes:
        """A statement as the server wants it; characters that its encoding does not have become question marks."""
        return statement.encode(self.codec, errors="replace")

    async def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Run a generator of psycopg to its end. Raises `Flood` when the server sends too much meanwhile."""
        return await wait_async(_capped(gen, self._cap), self.pgconn.socket, interval=interval, timeout=timeout)


def _descriptor(pgconn: pq.abc.PGconn) -> int:
    """The connection's socket; -1 once it is broken."""
    try:
        return pgconn.socket
    except psycopg.OperationalError:
        return -1


def _capped(gen: PQGen[T], cap: ByteCap) -> PQGen[T]:
    """The same generator, but that it reads nothing more once the server has sent too much."""
    began = False
    try:
        wanted = next(gen)
        while True:
            if not began:  # what has been read before is not waited for
                cap.begin()
                began = True
            ready = yield wanted
            cap.check()
            wanted = gen.send(ready)
    except StopIteration as end:
        if began:
            cap.check()  # it may all have come at once
        result: T = end.value
        return result


class Opened:
    """An open connection, where it leads, and how long each stage took in milliseconds."""

    def __init__(
        self, connection: Connection, address: str, stages_ms: dict[str, float], verification: Verification
    ) -> None:
        self.connection = connection
        self.address = address
        self.verification = verification
        """What of the server's certificate was verified, if it is encrypted."""
        self.stages_ms = stages_ms


@asynccontextmanager
async def connection(source: PgSource) -> AsyncIterator[Opened]:
    """A fresh connection, closed at the end; what still runs on it then is cancelled. Nothing is set for its session.

    Raises `SourceUnreachable`.
    """
    # The certificates stay until the end: cancelling opens a connection that verifies the server as well.
    with certificate_files(source.options) as files:
        async with opening(source.connection_timeout) as progress:
            opened = await _open(source, files, progress)
        try:
            yield opened
        finally:
            try:
                await cancel(opened.connection)
            finally:
                await opened.connection.close()


async def cancel(connection: Connection) -> None:
    """Stop what the server is doing for us, if anything, without waiting for its answer."""
    if connection.pgconn.transaction_status != pq.TransactionStatus.ACTIVE:
        return
    try:
        await connection.cancel_safe(timeout=CANCEL_SECONDS)
    except psycopg.Error:
        return


async def _open(source: PgSource, files: Certificates, progress: Progress) -> Opened:
    addresses, port = await addresses_of(source)

    def strings(options: PgOptions, *, bound: bool = True) -> list[str]:
        limit = source.connection_timeout
        return [conninfo(options, address, port, files, limit, bound=bound) for address in addresses]

    try:
        pgconn, number = await _first(strings(source.options), progress)
    except SourceUnreachable as refusal:
        if refusal.details.get("cleartext"):
            hidden = structs.replace(source.options, sslmode="require")
            pgconn, number = await _hidden(strings(hidden), progress, refusal)
        elif refusal.details.get("unbound"):
            pgconn, number = await _first(strings(source.options, bound=False), progress)
        else:
            raise
    connected = Connection(pgconn)
    await connected.set_autocommit(True)  # we begin and end transactions ourselves
    progress.end()
    return Opened(connected, addresses[number], progress.stages_ms, verification_of(source.options))


async def _hidden(strings: Sequence[str], progress: Progress, refusal: SourceUnreachable) -> tuple[pq.abc.PGconn, int]:
    """Log in at a server that asks for the password in clear text, which TLS hides: without it, `refusal` stands."""
    try:
        return await _first(strings, progress)
    except SourceUnreachable as error:
        raise refusal if error.code is ErrorCode.TLS_ERROR else error from None


async def _first(strings: Sequence[str], progress: Progress) -> tuple[pq.abc.PGconn, int]:
    """The first address that accepts; each gets its share of the time left to do that, and the last all of it."""
    for number, string in enumerate(strings[:-1]):
        progress.reached("tcp")
        try:
            async with asyncio.timeout(share(progress, len(strings) - number)) as until:
                return await _poll(string, progress, until), number
        except (SourceUnreachable, TimeoutError):
            if progress.stage != "tcp":
                raise
    progress.reached("tcp")
    return await _poll(strings[-1], progress), len(strings) - 1


async def _poll(string: str, progress: Progress, until: asyncio.Timeout | None = None) -> pq.abc.PGconn:
    """Drive libpq's own connection state machine, noting each stage; `until` bounds the first alone."""
    with no_environment():
        started = pq.PGconn.connect_start(string.encode())
    try:
        sqlstates.verbose(started, sqlstates.VERBOSE)
        while True:
            with no_environment():
                status = started.connect_poll() if started.status != pq.ConnStatus.BAD else pq.PollingStatus.FAILED
            if status == pq.PollingStatus.OK:
                break
            if status == pq.PollingStatus.FAILED:
                raise refused(started, progress.stage)
            _refuse_flood(started, progress.stage)
            progress.reached(STAGES.get(started.status, "login"))
            if until is not None and progress.stage != "tcp":
                until.reschedule(None)
            await _ready(started.socket, writing=status == pq.PollingStatus.WRITING)
        sqlstates.verbose(started, sqlstates.DEFAULT)
    except BaseException:
        started.finish()
        raise
    started.nonblocking = 1
    return started


def _refuse_flood(started: pq.abc.PGconn, stage: str) -> None:
    """Of a login, all bytes count, from the first: libpq may change the socket between two polls."""
    received = received_bytes(started.socket)
    if received > LOGIN_BYTES:
        raise flooded(Flood(received, LOGIN_BYTES), stage, SourceUnreachable)


async def _ready(socket: int, *, writing: bool) -> None:
    """Wait until the socket is; libpq may change it between two polls."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
    add(socket, _answer, ready)
    try:
        await ready
    finally:
        remove(socket)


def _answer(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
