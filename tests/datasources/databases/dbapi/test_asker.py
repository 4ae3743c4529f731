"""A blocking driver behind a relay: PyMySQL, which dials and retries as it likes, and a real MariaDB."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pymysql
import pytest
from pymysql.cursors import SSCursor

from datasources.databases.dbapi.asker import PAGE, DbapiAsker
from datasources.databases.dbapi.errors import meaning_of
from datasources.databases.flood import MEGABYTE, Flood
from datasources.databases.limits import Limit
from datasources.databases.mysql.model import MysqlOptions, MysqlSource
from datasources.databases.warehouse.errors import Refused, translated
from datasources.databases.warehouse.login import let_in
from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network import way_out
from tests.datasources.databases.documents import bad_server
from tests.fixtures.deadline import keeps_the_promise, spending
from tests.fixtures.servers.database import PASSWORD
from tests.fixtures.servers.mariadb import MariaServer
from tests.fixtures.servers.silent import MODES, lane

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""PyMySQL's cursors read on when they are dropped, also from a connection that is closed."""
CODES = {1045: ErrorCode.AUTHENTICATION_FAILED, 1146: ErrorCode.QUERY_ERROR, 2013: ErrorCode.CONNECTION_ERROR}


class Maria(DbapiAsker):
    """The least that a type says."""

    def connect(self, port: int) -> Any:
        options = self._source.options
        assert isinstance(options, MysqlOptions)
        login = {"user": options.user, "password": options.password, "database": options.db}
        return pymysql.connect(host=self.host, port=port, ssl_disabled=True, cursorclass=SSCursor, **login)  # type: ignore[arg-type]

    def refusal_of(self, error: Exception) -> Refused | None:
        if not isinstance(error, pymysql.MySQLError):
            return None
        return Refused(CODES.get(error.args[0], ErrorCode.QUERY_ERROR), str(error.args[1]))

    async def greet(self) -> None:
        ((self.user, self.database, self.version),) = await self.rows("SELECT USER(), DATABASE(), VERSION()")


def source(port: int, *, password: str = PASSWORD, seconds: float = 5) -> MysqlSource:
    """The reader of the shop."""
    options = MysqlOptions(host="127.0.0.1", port=port, user="reader", password=password, db="shop")
    return MysqlSource(name="x", options=options, connection_timeout=seconds)


@asynccontextmanager
async def let_in_at(port: int, **more: Any) -> AsyncIterator[Maria]:
    """An asker that has been let in."""
    asker = Maria(source(port, **more))
    async with let_in(asker._source, asker, asker.begin):
        yield asker


async def test_rows_come_in_pages(mariadb: MariaServer) -> None:
    """One row first, then pages; an answer without rows has one empty page, and what is no answer has none."""
    async with let_in_at(mariadb.port) as asker:
        assert (asker.address, asker.database) == ("127.0.0.1", "shop")
        assert "MariaDB" in asker.version
        assert {*asker.stages_ms} == {"resolve", "tcp", "login", "database"}
        pages = [page async for page in asker.pages(f"SELECT seq FROM seq_1_to_{2 * PAGE}")]
        assert [len(page) for page in pages] == [1, PAGE, PAGE - 1]
        assert [page async for page in asker.pages("SELECT 1 FROM shop.customer WHERE false")] == [[]]
        assert [page async for page in asker.pages("SET @a = 1")] == []


async def test_a_page_is_enough(mariadb: MariaServer) -> None:
    """What is left of an answer keeps neither the event loop nor the next statement."""
    async with let_in_at(mariadb.port) as asker:
        async for page in asker.pages("SELECT seq FROM seq_1_to_100000"):
            assert page == [[1]]
            break
        assert await asker.rows("SELECT 2") == [[2]]


async def test_refusals(mariadb: MariaServer) -> None:
    """Of the login and of a statement: by the type's own table."""
    with pytest.raises(SourceUnreachable) as refused:
        async with let_in_at(mariadb.port, password="wrong"):
            pass
    assert (refused.value.code, refused.value.details["stage"]) == (ErrorCode.AUTHENTICATION_FAILED, "login")
    async with let_in_at(mariadb.port) as asker:
        with pytest.raises(CheckError) as missing, translated("query"):
            await asker.rows("SELECT a FROM shop.no_such_table")
        assert missing.value.code is ErrorCode.QUERY_ERROR


async def test_floods(mariadb: MariaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer has an end, and the driver keeps no more of it."""
    monkeypatch.setattr(way_out, "UNREAD_BYTES", MEGABYTE)
    async with let_in_at(mariadb.port) as asker:
        assert len(await asker.rows("SELECT repeat('x', 500000)", most=MEGABYTE)) == 1
        with pytest.raises(Flood) as flood:
            await asker.rows("SELECT repeat('x', 15000000)", most=MEGABYTE)
        assert flood.value.most == MEGABYTE


async def test_a_statement_that_is_cut_off(mariadb: MariaServer) -> None:
    """It ends at the limit, and so does the session."""

    async def once() -> float:
        with spending() as spent:
            async with let_in_at(mariadb.port) as asker:
                with pytest.raises(CheckError) as caught:
                    async with Limit(1).round("query"):
                        await asker.rows("SELECT SLEEP(60)")
        assert (caught.value.code, caught.value.details) == (ErrorCode.TIMEOUT, {"stage": "query"})
        return spent.seconds

    await keeps_the_promise(1, once)


@pytest.mark.parametrize("mode", MODES)
async def test_a_bad_server(mariadb: MariaServer, mode: str) -> None:
    """Silent, dripping or half-closing, at the login or after it: the limit holds."""

    async def at_login() -> float:
        with spending() as spent, bad_server(mode) as port, pytest.raises(SourceUnreachable):
            async with let_in_at(port, seconds=1):
                pass
        return spent.seconds

    async def later() -> float:
        with ExitStack() as stack, lane(mariadb.port) as way:
            async with let_in_at(way.port) as asker:
                way.turn(mode)
                spent = stack.enter_context(spending())
                with pytest.raises(CheckError) as caught, translated("query"):
                    async with Limit(1).round("query"):
                        await asker.rows("SELECT repeat('x', 1000)")
            stack.close()
        assert caught.value.code in {ErrorCode.TIMEOUT, ErrorCode.CONNECTION_ERROR}
        return spent.seconds

    await keeps_the_promise(1, at_login)
    await keeps_the_promise(1, later)


async def test_nobody_listens() -> None:
    """What the relay saw is told, and not what the driver makes of it."""
    async with asyncio.timeout(10):
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
    with pytest.raises(SourceUnreachable) as refused:
        async with let_in_at(port):
            pass
    assert (refused.value.code, refused.value.details["stage"]) == (ErrorCode.CONNECTION_ERROR, "tcp")


async def test_the_policy_is_asked(mariadb: MariaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that the operator forbids is not dialled, whatever the driver would have done (security row 1)."""
    monkeypatch.setenv("SOURCECHECK_ALLOW_PRIVATE_NETWORKS", "false")
    with pytest.raises(SourceUnreachable) as refused:
        async with let_in_at(mariadb.port):
            pass
    assert refused.value.code is ErrorCode.DESTINATION_FORBIDDEN


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionResetError(104, "Connection reset by peer"), ErrorCode.CONNECTION_ERROR),
        (EOFError(), ErrorCode.CONNECTION_ERROR),
        (TimeoutError(), ErrorCode.TIMEOUT),
        (IndexError("index out of range"), ErrorCode.PROTOCOL_ERROR),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), ErrorCode.PROTOCOL_ERROR),
    ],
    ids=lambda value: getattr(value, "name", type(value).__name__),
)
def test_what_a_driver_lets_through(error: Exception, code: ErrorCode) -> None:
    """Its own words are no evidence; the kind of the error is."""
    assert meaning_of(error).code is code
    assert meaning_of(error).details == {"reason": type(error).__name__}
