"""What only MySQL's kind has: TLS, the ways to send a password, files of the server, and its numbers."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from datasources.databases.globs import Globs
from datasources.databases.mysql import Mariadb
from datasources.databases.mysql.model import MariadbSource, MysqlOptions
from datasources.databases.mysql.query import require_reading
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.fixtures.servers.database import PASSWORD, authority_and_certificate
from tests.fixtures.servers.mariadb import MariaServer


def source(server: MariaServer, **options: Any) -> MariadbSource:
    """A source on this server, as its reader."""
    facts = {"host": "127.0.0.1", "port": server.port, "user": "reader", "password": PASSWORD, "db": "shop"}
    return MariadbSource(name="real", connection_timeout=5, options=MysqlOptions(**(facts | options)))


async def refused(source: MariadbSource) -> CheckError:
    """What connecting to it raises."""
    with pytest.raises(CheckError) as caught:
        async with Mariadb.connect(source):
            pass
    assert PASSWORD not in f"{caught.value} {caught.value.details}"
    return caught.value


@pytest.mark.parametrize("mode", ["prefer", "require"])
async def test_tls_is_used_where_it_is_offered(mariadb: MariaServer, mode: str) -> None:
    """Unverified, but encrypted."""
    async with Mariadb.connect(source(mariadb, sslmode=mode)) as session:
        identity = await session.identity()
    assert (identity.tls, identity.tls_version) == (True, "TLSv1.3")


async def test_tls_is_verified(mariadb: MariaServer) -> None:
    """By the authority that the source names, and for the host's name under verify-full."""
    for mode, host, ca, code in (
        ("verify-ca", "localhost", mariadb.ca, None),
        ("verify-ca", "127.0.0.1", mariadb.ca, None),
        ("verify-full", "localhost", mariadb.ca, None),
        ("verify-full", "127.0.0.1", mariadb.ca, ErrorCode.TLS_ERROR),
        ("verify-ca", "localhost", authority_and_certificate()[0], ErrorCode.TLS_ERROR),
        ("verify-full", "localhost", None, ErrorCode.TLS_ERROR),
        ("verify-ca", "localhost", "no certificate", ErrorCode.TLS_ERROR),
    ):
        tried = source(mariadb, sslmode=mode, host=host, rootcert=ca)
        if code is not None:
            error = await refused(tried)
            assert (error.code, error.details["stage"]) == (code, "tls"), (mode, host)
            continue
        async with Mariadb.connect(tried) as session:
            assert (await session.identity()).tls


async def test_a_database_that_is_not_there(mariadb: MariaServer) -> None:
    """To a user who may see all of them, it is not there; to others it may be hidden."""
    missing = source(mariadb, user="root", password=None, db="nothing")
    assert (await refused(missing)).code is ErrorCode.DATABASE_NOT_FOUND


async def test_a_user_with_one_connection_is_patient(mariadb: MariaServer) -> None:
    """Steps side by side get along with it; without patience it is TOO_MANY_CONNECTIONS."""
    narrow = source(mariadb, user="nobody_in")

    async def once() -> str:
        async with Mariadb.connect(narrow, patience=20) as session:
            return await session.version()

    assert len(await asyncio.gather(once(), once(), once())) == 3
    async with Mariadb.connect(narrow, patience=20):
        assert (await refused(narrow)).code is ErrorCode.TOO_MANY_CONNECTIONS


async def test_a_user_who_may_write_files(mariadb: MariaServer) -> None:
    """A read-only transaction would not stop it: no such statement gets to the server."""
    for query in (
        "SELECT 1 INTO OUTFILE '/tmp/sourcecheck-outfile'",
        "SELECT 1 into/**/dumpfile '/tmp/sourcecheck-outfile'",
        "SELECT * FROM (SELECT 1) AS t INTO\nOUTFILE '/tmp/sourcecheck-outfile'",
    ):
        with pytest.raises(CheckError) as caught:
            async with Mariadb.connect(source(mariadb, user="filer")) as session:
                await session.query(query)
        assert caught.value.code is ErrorCode.QUERY_NOT_READ_ONLY


@pytest.mark.parametrize(
    ("query", "reads"),
    [
        ("SELECT 1", True),
        (" \n-- a comment\n# another\n/* and one */ ((SELECT 1))", True),
        ("select/**/1", True),
        ("SHOW TABLES", True),
        ("WITH a AS (SELECT 1) SELECT * FROM a", True),
        ("VALUES (1)", True),
        ("EXPLAIN SELECT 1", True),
        ("SELECT /*+ MAX_EXECUTION_TIME(1000) */ 1", True),
        ("--SELECT 1", False),
        ("SELECTED", False),
        ("SELECT$ 1", False),
        ("/*!SET*/ SELECT 1", False),
        ("/*M!100000 SET*/ SELECT 1", False),
        ("SELECT 1 /*!50000 INTO OUTFILE 'x' */", False),
        ("/* a comment that does not end SELECT 1", False),
        ("BEGIN NOT ATOMIC SELECT 1; END", False),
        ("CALL p()", False),
        ("ANALYZE SELECT 1", False),
        ("\u0130SELECT 1", False),
        ("", False),
    ],
)
def test_first_words(query: str, reads: bool) -> None:
    """What begins with a word that reads, after what the server skips as well."""
    if reads:
        require_reading(query)
    else:
        with pytest.raises(CheckError):
            require_reading(query)


class Greedy(threading.Thread):
    """A server that asks for the password in some way, and keeps all that it is sent."""

    def __init__(self, method: bytes, certificate: tuple[bytes, bytes] | None, tmp: Any) -> None:
        super().__init__(daemon=True)
        self.method = method
        self.heard = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(30)
        self.port = self._listener.getsockname()[1]
        self._context: ssl.SSLContext | None = None
        if certificate:
            for name, content in zip(("cert", "key"), certificate, strict=True):
                (tmp / name).write_bytes(content)
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(tmp / "cert", tmp / "key")

    def run(self) -> None:
        try:
            while True:
                self._serve(self._listener.accept()[0])
        except OSError:
            return

    def _serve(self, client: socket.socket) -> None:
        flags = 0x81BFF7DF | (0x800 if self._context else 0)
        flags = flags if self._context else flags & ~0x800
        salt = b"12345678"
        greeting = (
            b"\x0a8.0.36\0" + (7).to_bytes(4, "little") + salt + b"\0" + (flags & 0xFFFF).to_bytes(2, "little")
            + b"\x2d\x02\0" + (flags >> 16).to_bytes(2, "little") + b"\x15" + b"\0" * 10 + b"123456789012\0"
            + b"mysql_native_password\0"
        )  # fmt: skip
        try:
            with client:
                client.settimeout(10)
                client.sendall(packet(0, greeting))
                number, answer = received(client)
                if self._context and len(answer) == 32:
                    client = self._context.wrap_socket(client, server_side=True)
                    number, answer = received(client)
                self.heard += answer
                client.sendall(packet(number + 1, b"\xfe" + self.method + b"\0" + b"abcdefghij0123456789\0"))
                number, answer = received(client)
                self.heard += answer
                if self.method == b"caching_sha2_password":
                    client.sendall(packet(number + 1, b"\x01\x04"))  # the whole of it, please
                    number, answer = received(client)
                    self.heard += answer
                client.sendall(packet(number + 1, b"\xff\x15\x04#28000Access denied"))
        except (OSError, ssl.SSLError, ValueError):
            return


def packet(number: int, body: bytes) -> bytes:
    """One packet of the protocol."""
    return len(body).to_bytes(3, "little") + bytes([number]) + body


def received(client: socket.socket) -> tuple[int, bytes]:
    """The number and the body of the next packet."""
    head = b""
    while len(head) < 4:
        more = client.recv(4 - len(head))
        if not more:
            raise ValueError
        head += more
    body, size = b"", int.from_bytes(head[:3], "little")
    while len(body) < size:
        more = client.recv(size - len(body))  # and no more: the beginning of TLS may have come with it
        if not more:
            raise ValueError
        body += more
    return head[3], body


@pytest.mark.parametrize("method", ["mysql_clear_password", "sha256_password", "dialog", "caching_sha2_password"])
async def test_no_password_in_clear_without_tls(mariadb: MariaServer, tmp_path: Any, method: str) -> None:
    """Nobody in between can read it, whatever the server asks for; and nobody's key is asked for."""
    greedy = Greedy(method.encode(), None, tmp_path)
    greedy.start()
    error = await refused(source(mariadb, port=greedy.port))
    assert error.code is ErrorCode.AUTHENTICATION_FAILED
    assert PASSWORD.encode() not in greedy.heard
    assert greedy.heard
    assert greedy.heard[-1:] != b"\x02"


async def test_a_password_in_clear_within_tls(mariadb: MariaServer, tmp_path: Any) -> None:
    """TLS hides it: under `prefer` the server is tried once more with TLS required."""
    _, certificate, key = authority_and_certificate()
    greedy = Greedy(b"mysql_clear_password", (certificate, key), tmp_path)
    greedy.start()
    error = await refused(source(mariadb, port=greedy.port))
    assert error.code is ErrorCode.AUTHENTICATION_FAILED
    assert PASSWORD.encode() in greedy.heard


async def test_a_password_in_clear_where_the_source_says_so(mariadb: MariaServer, tmp_path: Any) -> None:
    """The user may know that nobody listens."""
    greedy = Greedy(b"mysql_clear_password", None, tmp_path)
    greedy.start()
    error = await refused(source(mariadb, port=greedy.port, allow_cleartext_password=True))
    assert error.code is ErrorCode.AUTHENTICATION_FAILED
    assert PASSWORD.encode() in greedy.heard


async def test_a_server_that_asks_for_a_file(mariadb: MariaServer) -> None:
    """`LOAD DATA LOCAL`, asked for by the server in answer to any query, sends nothing (security row 4)."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def thief() -> None:
        near, _ = listener.accept()
        with suppress(OSError, ValueError), near, socket.create_connection(("127.0.0.1", mariadb.port)) as far:
            _, greeting = received(far)
            flags = greeting.index(b"\0") + 1 + 4 + 8 + 1
            near.sendall(
                packet(0, greeting[:flags] + bytes([greeting[flags], greeting[flags + 1] & ~8]) + greeting[flags + 2 :])
            )
            far.sendall(packet(*received(near)))
            near.sendall(packet(*received(far)))
            near.settimeout(5)
            while True:
                heard.append(received(near)[1])
                near.sendall(packet(1, b"\xfb/etc/passwd"))

    stolen = threading.Thread(target=thief, daemon=True)
    stolen.start()
    error = await refused(source(mariadb, port=listener.getsockname()[1]))
    stolen.join(20)
    listener.close()
    assert heard[0].startswith(b"\x03SET NAMES")
    assert b"root:" not in b"".join(heard)
    assert error.code is ErrorCode.PROTOCOL_ERROR


async def test_a_password_beyond_latin_1(mariadb: MariaServer) -> None:
    """It is sent as UTF-8, as the server keeps it."""
    mariadb.run("CREATE OR REPLACE USER exotic IDENTIFIED BY 'Grüße-€-漢'", "GRANT SELECT ON shop.* TO exotic")
    async with Mariadb.connect(source(mariadb, user="exotic", password="Grüße-€-漢")) as session:
        assert (await session.query("SELECT 1")).value == "1"


def test_passwd_is_taken_as_well() -> None:
    """Older clients say so; both at once are not."""
    assert MysqlOptions.under_own_names({"passwd": "x", "host": "h"}) == {"password": "x", "host": "h"}
    assert MysqlOptions.under_own_names({"passwd": "x", "password": "y"}) == {"passwd": "x", "password": "y"}
    assert MysqlOptions.under_own_names(None) is None


@contextmanager
def for_all_sessions(server: MariaServer, name: str, value: str, usual: str) -> Iterator[None]:
    """Meanwhile new sessions begin with this setting."""
    server.run(f"SET GLOBAL {name} = {value}")
    try:
        yield
    finally:
        server.run(f"SET GLOBAL {name} = {usual}")


@pytest.mark.parametrize(
    ("name", "value", "usual"),
    [
        ("sql_select_limit", "1", "18446744073709551615"),
        ("max_join_size", "1", "18446744073709551615"),
        ("autocommit", "0", "1"),
        ("init_connect", "'SET SESSION sql_select_limit = 1'", "''"),
    ],
)
async def test_settings_for_all_sessions(mariadb: MariaServer, name: str, value: str, usual: str) -> None:
    """What an administrator sets to spare the server neither cuts what we read of the catalogue nor stops us."""
    with for_all_sessions(mariadb, name, value, usual):
        async with Mariadb.connect(source(mariadb), read_only=False) as session:
            found = {table.name async for batch in session.tables(Globs("shop.*")) for table in batch}
            edges = (await session.lineage(Globs("shop.*"))).edges
            await session.write_and_drop("scratch")
    assert found == {"customer", "orders", "totals", "best"}
    assert len(edges) == 3


@pytest.mark.parametrize("name", ["tx_read_only", "read_only"])
async def test_a_server_that_takes_no_writes(mariadb: MariaServer, name: str) -> None:
    """A replica, for one: it is no right that the user lacks, and the advice says so."""
    with for_all_sessions(mariadb, name, "1", "0"), pytest.raises(CheckError) as caught:
        async with Mariadb.connect(source(mariadb), read_only=False) as session:
            await session.write_and_drop("scratch")
    assert caught.value.code is ErrorCode.PERMISSION_DENIED
    assert "not a replica" in (caught.value.advice or "")


async def test_a_session_that_ends_with_the_login(mariadb: MariaServer) -> None:
    """The administrator's own statement for each login fails: neither host nor port is at fault."""
    with for_all_sessions(mariadb, "init_connect", "'SET nothing = 1'", "''"):
        error = await refused(source(mariadb))
    assert error.code is ErrorCode.CONNECTION_ERROR
    assert "init_connect" in (error.advice or "")


async def test_names_that_no_database_can_have(mariadb: MariaServer) -> None:
    """A name with a blank at its end, as it is pasted, is that of no database."""
    assert (await refused(source(mariadb, db="shop "))).code is ErrorCode.DATABASE_NOT_FOUND
