"""Opening a connection: resolved once, bounded as a whole, and always knowing how far it got."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from datasources.addresses import Policy, resolve
from datasources.databases.postgres.errors import login_code, translated
from datasources.databases.postgres.model import PgSource
from datasources.errors import SourceUnreachable
from datasources.settings import Settings
from datasources.words import ErrorCode

NOWHERE = "/nonexistent/sourcecheck"
"""For files that libpq would otherwise look for in the worker's home."""
RETRY_SECONDS = 0.1
KEEPALIVE: dict[str, Any] = {"keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}

STAGES: dict[int, str] = {
    pq.ConnStatus.STARTED: "tcp",
    pq.ConnStatus.NEEDED: "tcp",
    pq.ConnStatus.MADE: "tls",
    pq.ConnStatus.SSL_STARTUP: "tls",
}
"""libpq's status to the stage that a connection is in; everything after is the login."""


class Opened:
    """An open connection, and how long each stage took in milliseconds."""

    def __init__(self, connection: psycopg.AsyncConnection, address: str, stages_ms: dict[str, float]) -> None:
        self.connection = connection
        self.address = address
        self.stages_ms = stages_ms


@asynccontextmanager
async def connection(source: PgSource, *, read_only: bool, patience: float) -> AsyncIterator[Opened]:
    """A fresh connection with our session settings, closed at the end. Raises `SourceUnreachable`.

    `patience` is how many seconds a full server is asked again: the steps of one test run side by side, and a user
    with few connections is not at fault for that.
    """
    until = time.monotonic() + patience
    while True:
        try:
            opened = await _within(source)
            break
        except SourceUnreachable as error:
            if error.code is not ErrorCode.TOO_MANY_CONNECTIONS or time.monotonic() > until:
                raise
        await asyncio.sleep(RETRY_SECONDS)
    try:
        await _prepare(opened.connection, source, read_only=read_only)
        yield opened
    except asyncio.CancelledError:
        await _cancel(opened.connection)
        raise
    finally:
        await opened.connection.close()


class _Progress:
    """How far a connection got, also when it is cut off."""

    def __init__(self) -> None:
        self.stage = "resolve"
        self.stages_ms: dict[str, float] = {}
        self._since = time.monotonic()

    def reached(self, stage: str) -> None:
        if stage != self.stage:
            self.close()
            self.stage = stage

    def close(self) -> None:
        now = time.monotonic()
        spent = (now - self._since) * 1000
        self.stages_ms[self.stage] = round(self.stages_ms.get(self.stage, 0) + spent, 2)
        self._since = now


async def _within(source: PgSource) -> Opened:
    """Open a connection within the source's limit, whatever the server does."""
    progress = _Progress()
    try:
        async with asyncio.timeout(source.connection_timeout):
            return await _open(source, progress)
    except TimeoutError as error:
        raise SourceUnreachable(
            ErrorCode.TIMEOUT,
            f"No answer within {source.connection_timeout} s (stage: {progress.stage})",
            {"stage": progress.stage},
        ) from error


async def _open(source: PgSource, progress: _Progress) -> Opened:
    options = source.options
    host, port = (source.via.address, source.via.port) if source.via else (options.host, options.port)
    policy = Policy(allow_private=True) if source.via else Policy.from_settings(Settings.load())
    addresses = await resolve(host, port, policy)
    progress.reached("tcp")
    with _root_certificate(options.rootcert) as rootcert:
        for number, address in enumerate(addresses, start=1):
            try:
                connected = await _poll(_conninfo(source, address, port, rootcert), progress)
            except SourceUnreachable as error:
                if number == len(addresses) or error.details.get("stage") != "tcp":
                    raise
            else:
                progress.close()
                return Opened(connected, address, progress.stages_ms)
    raise SourceUnreachable(ErrorCode.HOST_NOT_FOUND, f"Host {host} has no address", {"stage": "resolve"})


async def _poll(conninfo: str, progress: _Progress) -> psycopg.AsyncConnection:
    """Drive libpq's own connection state machine, noting each stage."""
    started = pq.PGconn.connect_start(conninfo.encode())
    try:
        while True:
            status = started.connect_poll() if started.status != pq.ConnStatus.BAD else pq.PollingStatus.FAILED
            if status == pq.PollingStatus.OK:
                break
            if status == pq.PollingStatus.FAILED:
                raise _refused(started, progress.stage)
            progress.reached(STAGES.get(started.status, "login"))
            await _ready(started.socket, writing=status == pq.PollingStatus.WRITING)
    except BaseException:
        started.finish()
        raise
    started.nonblocking = 1
    return psycopg.AsyncConnection(started)


async def _ready(socket: int, *, writing: bool) -> None:
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


def _refused(connection: pq.abc.PGconn, stage: str) -> SourceUnreachable:
    first = next(iter(connection.get_error_message().strip().splitlines()), "The connection failed")
    message = first.split(" failed: ", 1)[-1].strip()
    details: dict[str, object] = {"stage": stage}
    if connection.needs_password:
        return SourceUnreachable(
            ErrorCode.AUTHENTICATION_FAILED, "The server asks for a password", details | {"secret_missing": True}
        )
    return SourceUnreachable(login_code(stage, message), message, details)


def _conninfo(source: PgSource, address: str, port: int, rootcert: str) -> str:
    """Everything libpq may look up elsewhere is set here: no environment, no files of the worker (security, row 3)."""
    options = source.options
    return make_conninfo(
        host=options.host,
        hostaddr=address,
        port=port,
        user=options.user,
        password=options.password or "",
        dbname=options.dbname,
        sslmode=options.sslmode,
        sslrootcert=rootcert if options.rootcert else ("system" if options.sslmode == "verify-full" else NOWHERE),
        sslcert=NOWHERE,
        sslkey=NOWHERE,
        sslcrl=NOWHERE,
        sslcertmode="disable",
        sslnegotiation="postgres",
        passfile=NOWHERE,
        gssencmode="disable",
        channel_binding="prefer",
        require_auth="password,md5,scram-sha-256,none",
        target_session_attrs="any",
        load_balance_hosts="disable",
        client_encoding="utf8",
        application_name="sourcecheck",
        options="",
        connect_timeout=0,
        tcp_user_timeout=10_000,
        **KEEPALIVE,
    )


@contextmanager
def _root_certificate(pem: str | None) -> Iterator[str]:
    """The certificate in a file that only we can read, for as long as a connection is being opened."""
    if not pem:
        yield NOWHERE
        return
    descriptor, name = tempfile.mkstemp(prefix="sourcecheck-", suffix=".pem")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(pem)
        yield name
    finally:
        Path(name).unlink(missing_ok=True)


async def _prepare(connection: psycopg.AsyncConnection, source: PgSource, *, read_only: bool) -> None:
    """Bound every statement, and make the session read-only unless it has to write."""
    milliseconds = str(source.query_timeout * 1000)
    with translated(ErrorCode.PERMISSION_DENIED):
        await connection.set_autocommit(True)
        await connection.execute(
            "SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),"
            " set_config('idle_in_transaction_session_timeout', %s, false),"
            " set_config('default_transaction_read_only', %s, false)",
            [milliseconds, milliseconds, milliseconds, "on" if read_only else "off"],
        )
        if source.options.role:
            await connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(source.options.role)))


async def _cancel(connection: psycopg.AsyncConnection) -> None:
    """Stop what the server is doing for us; nobody waits for the answer."""
    if (
        connection.pgconn.status == pq.ConnStatus.OK
        and connection.pgconn.transaction_status != pq.TransactionStatus.IDLE
    ):
        try:
            await connection.cancel_safe(timeout=1.0)
        except psycopg.Error:
            return
