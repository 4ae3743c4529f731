"""Netezza by its documents: what needs no server, and its driver at a server of a few words."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import nzpy
import pytest

from datasources.databases.base import Column, ForeignKey, LineageEdge, TableName
from datasources.databases.netezza import Netezza
from datasources.databases.netezza import session as questions
from datasources.databases.netezza.asker import version_of
from datasources.databases.netezza.errors import HANDSHAKE, by_words, refusal_of
from datasources.databases.netezza.handshake import SECURED, SSL_CONNECT, SSL_NEGOTIATE, UNSECURED
from datasources.databases.netezza.model import NetezzaOptions, NetezzaSource
from datasources.databases.netezza.session import catalog_of
from datasources.databases.warehouse.errors import translated
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.documents import DocumentsContract
from tests.fixtures.identity import telltale_machine, told_by
from tests.fixtures.servers.database import authority_and_certificate

GOOD = {
    "host": "netezza.example.com",
    "port": 5480,
    "username": "SOURCECHECK",
    "password": "swordfish",
    "database": "SHOP",
    "tls": True,
}


class TestNetezza(DocumentsContract):
    """The published options, sentences of the documents, and the driver's limits."""

    kind: ClassVar = Netezza
    good: ClassVar = GOOD
    wrong: ClassVar = [{"database": ""}, {"port": 0}, {"tls": "yes"}, {"username": "a\nb"}, {"ssl_verification": "no"}]
    dialect: ClassVar = "postgres"
    codes: ClassVar = [
        ("FATAL 1:  Password authentication failed for user 'SOURCECHECK'", ErrorCode.AUTHENTICATION_FAILED),
        ("ERROR:  user 'X' does not exist", ErrorCode.AUTHENTICATION_FAILED),
        ("ERROR:  The password has expired", ErrorCode.AUTHENTICATION_FAILED),
        ("FATAL 1:  database 'SHOPS' does not exist", ErrorCode.DATABASE_NOT_FOUND),
        ("FATAL 1:  Sorry, too many clients already", ErrorCode.TOO_MANY_CONNECTIONS),
        ("ERROR:  Permission denied on \"ORDERS\".", ErrorCode.PERMISSION_DENIED),
        ("ERROR:  CREATE TABLE: permission denied.", ErrorCode.PERMISSION_DENIED),
        ("ERROR:  schema 'SCRATCHES' does not exist", ErrorCode.SCHEMA_NOT_FOUND),
        ("ERROR: Read-only session, cannot process this request", ErrorCode.QUERY_NOT_READ_ONLY),
        ("ERROR:  Query was cancelled.", ErrorCode.TIMEOUT),
        ("FATAL 1:  The system is shutting down", ErrorCode.CONNECTION_ERROR),
        ("ERROR:  relation does not exist SHOP.ADMIN.ORDER", ErrorCode.QUERY_ERROR),
        ("ERROR:  'SELEC 1'\nerror            ^ found \"SELEC\"", ErrorCode.QUERY_ERROR),
    ]  # fmt: skip
    statements: ClassVar = [
        questions.TABLES, questions.VIEWS, questions.COLUMNS, questions.KEYS, questions.COMMENTS, questions.QUERIES,
        questions.NAMES.format(schema="'SCRATCH'"),
    ]  # fmt: skip

    def source(self, port: int) -> NetezzaSource:
        """On the loopback, without TLS."""
        return source(port, tls=False, allow_cleartext_password=True)

    @contextmanager
    def raised(self, said: str) -> Iterator[None]:
        """A query's error, which has the sentence, and a login's, which has it from the driver's log."""
        with translated("login"):
            of_login, of_query = (
                refusal_of(nzpy.ProgrammingError(HANDSHAKE), said),
                refusal_of(nzpy.ProgrammingError(said)),
            )
            assert of_login is not None
            assert of_query is not None
            assert of_login.code is of_query.code
            raise of_query
        yield


def source(port: int, **more: Any) -> NetezzaSource:
    """A source on the loopback."""
    options: dict[str, Any] = {"username": "SOURCECHECK", "password": "swordfish", "database": "SHOP"} | more
    made = NetezzaOptions(host=options.pop("host", "127.0.0.1"), port=port, **options)
    return NetezzaSource(name="x", options=made, connection_timeout=5)


def test_what_the_driver_says_itself() -> None:
    """A connection that ended, or none; a handshake that was refused without a word."""
    said = {
        nzpy.ConnectionClosedError(): ErrorCode.CONNECTION_ERROR,
        nzpy.InterfaceError("communication error"): ErrorCode.CONNECTION_ERROR,
        nzpy.ProgrammingError(HANDSHAKE): ErrorCode.CONNECTION_ERROR,
    }
    for error, code in said.items():
        refusal = refusal_of(error)
        assert refusal is not None
        assert refusal.code is code
    assert refusal_of(ValueError("x")) is None
    assert by_words("ERROR:  no\0").message == "no"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Release 11.2.1.0 [Build 4]", "Netezza 11.2.1.0"),
        ("NPS Release 7.2.1 [B 1]", "Netezza 7.2.1"),
        ("x", "Netezza x"),
    ],
)
def test_version_words(said: str, shown: str) -> None:
    """The product and its number."""
    assert version_of(said) == shown


def test_rows_of_the_catalogue() -> None:
    """Tables and views with columns, keys and comments; what is the system's own is left out."""
    catalog = catalog_of(
        tables=[
            ["ADMIN", "ORDERS", "TABLE", 12.0],
            ["ADMIN", "FEED", "EXTERNAL TABLE", 0],
            ["ADMIN", "CUSTOMERS", "TABLE", None],
        ],
        views=[["ADMIN", "TOTALS", "VIEW", "SELECT ORDERS.ID FROM ADMIN.ORDERS;"], ["ADMIN", "HIDDEN", "VIEW", None]],
        columns=[
            ["ADMIN", "ORDERS", "ID", "INTEGER", True, None, "Number"],
            ["ADMIN", "ORDERS", "CUSTOMER", "CHARACTER VARYING(20)", False, "''", None],
            ["ADMIN", "TOTALS", "ID", "INTEGER", False, None, None],
            ["DEFINITION_SCHEMA", "_V_TABLE", "OBJID", "OID", False, None, None],
        ],
        keys=[
            ["ADMIN", "ORDERS", "PK", "ID", None, None, None, "p", None],
            ["ADMIN", "ORDERS", "FK", "CUSTOMER", "ADMIN", "CUSTOMERS", "ID", "f", "SHOP"],
            ["ADMIN", "ORDERS", "ELSEWHERE", "CUSTOMER", "ADMIN", "CUSTOMERS", "ID", "f", "OTHER"],
        ],
        comments=[["ADMIN", "ORDERS", "What was sold"]],
        database="SHOP",
    )
    tables = {member.name: catalog.table(member) for member in catalog.members}
    assert {name: table.kind for name, table in tables.items()} == {
        "CUSTOMERS": "table", "FEED": "external table", "HIDDEN": "view", "ORDERS": "table", "TOTALS": "view"
    }  # fmt: skip
    orders = tables["ORDERS"]
    assert (orders.rows, orders.comment, orders.primary_key) == (12, "What was sold", ["ID"])
    assert orders.columns == [
        Column(name="ID", type="INTEGER", nullable=False, comment="Number"),
        Column(name="CUSTOMER", type="CHARACTER VARYING(20)", default="''"),
    ]
    assert orders.foreign_keys == [
        ForeignKey(columns=["CUSTOMER"], table=TableName("ADMIN", "CUSTOMERS"), referenced=["ID"])
    ]
    assert ("DEFINITION_SCHEMA", "_V_TABLE") not in catalog.columns
    lineage = catalog.view_lineage("postgres", folded=True)
    assert lineage.unread == [TableName("ADMIN", "HIDDEN")]
    assert [(edge.source, edge.target, edge.columns) for edge in lineage.edges] == [
        (TableName("ADMIN", "ORDERS"), TableName("ADMIN", "TOTALS"), ["ID"])
    ]
    assert isinstance(lineage.edges[0], LineageEdge)


OWN = {"version()": 5, "ascii": 2, "identifier_case": 3}
"""The driver's own questions after a login, and how many columns it expects."""


def test_tables_of_other_databases() -> None:
    """A view may read them; they are in no edge, whatever table of ours has the same name."""
    texts = {
        "SELECT O.ID FROM SHOP.ADMIN.ORDERS O": {"ORDERS"},
        "SELECT O.ID FROM OTHER.ADMIN.ORDERS O": set(),
        "SELECT O.ID FROM OTHER..ORDERS O": set(),
        "SELECT C.ID FROM ADMIN.CUSTOMERS C, OTHER.ADMIN.ORDERS O WHERE O.ID = C.ID": {"CUSTOMERS"},
    }
    for text, names in texts.items():
        catalog = catalog_of(
            tables=[["ADMIN", "ORDERS", "TABLE", 1], ["ADMIN", "CUSTOMERS", "TABLE", 1]],
            views=[["ADMIN", "V", "VIEW", text]],
            columns=[["ADMIN", name, "ID", "INTEGER", True, None, None] for name in ("ORDERS", "CUSTOMERS", "V")],
            keys=[],
            comments=[],
            database="SHOP",
        )
        found = catalog.view_lineage("postgres", folded=True, database="SHOP")
        assert {edge.source.name for edge in found.edges} == names, text
        assert found.unread == [], text


class Server:
    """The handshake of a server, and an answer to each query: `R`elease and user to a SELECT, or what it is told to send."""

    def __init__(self, *, ssl_answer: bytes = b"N", context: ssl.SSLContext | None = None, refuses: str = "") -> None:
        self._ssl_answer = ssl_answer
        self._context = context
        self._refuses = refuses
        self.sends: dict[str, bytes] = {}
        """Raw messages in answer to a query that begins so."""
        self.levels: list[tuple[int, int]] = []
        self.passwords: list[bytes] = []
        self.queries: list[str] = []
        self.said: list[bytes] = []
        """Every part of the handshake."""

    def serve(self, sock: socket.socket) -> None:
        """One connection; nothing is read before it is due, for TLS may be what comes next."""
        with contextlib.suppress(OSError, EOFError), sock:
            sock = self._shake(sock)
            with sock:
                while True:
                    _exactly(sock, 5)
                    sock.sendall(self._answer(_until_nul(sock)) + b"Z" + bytes(8))

    def _shake(self, sock: socket.socket) -> socket.socket:
        while True:
            body = _exactly(sock, struct.unpack("!i", _exactly(sock, 4))[0] - 4)
            self.said.append(body)
            (opcode,) = struct.unpack("!h", body[:2])
            if opcode == 1000:
                break
            if opcode in (SSL_NEGOTIATE, SSL_CONNECT):
                self.levels.append((opcode, struct.unpack("!i", body[2:])[0]))
            if opcode == SSL_CONNECT:
                assert self._context is not None
                sock = self._context.wrap_socket(sock, server_side=True)
            sock.sendall(self._ssl_answer if opcode == SSL_NEGOTIATE else b"N")
        sock.sendall(b"R" + struct.pack("!i", 3))
        self.passwords.append(_exactly(sock, struct.unpack("!i", _exactly(sock, 4))[0] - 4))
        if self._refuses:
            text = self._refuses.encode() + b"\0"
            sock.sendall(b"E" + bytes(4) + struct.pack("!i", len(text)) + text)
            raise EOFError
        sock.sendall(b"R" + struct.pack("!i", 0) + b"Z" + bytes(8))
        return sock

    def _answer(self, query: str) -> bytes:
        self.queries.append(query)
        if raw := next((raw for start, raw in self.sends.items() if query.startswith(start)), b""):
            return raw
        if query.startswith("SELECT CURRENT_USER"):
            return _rows([["SOURCECHECK", "SHOP", "Release 11.2.1.0 [Build 4]"]])
        if query.startswith("select"):  # the driver's own, with so many columns
            return _rows([["x"] * next((count for word, count in OWN.items() if word in query), 1)])
        return _message(b"C", b"SET VARIABLE")


def _exactly(sock: socket.socket, number: int) -> bytes:
    data = b""
    while len(data) < number:
        piece = sock.recv(number - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def _until_nul(sock: socket.socket) -> str:
    data = b""
    while not data.endswith(b"\0"):
        data += _exactly(sock, 1)
    return data[:-1].decode()


def _message(kind: bytes, data: bytes) -> bytes:
    return kind + bytes(4) + struct.pack("!i", len(data)) + data


def _rows(rows: list[list[str]]) -> bytes:
    """Columns of text, and rows of them; a bit of the first byte says that a value is no null."""
    columns = b"".join(b"c\0" + struct.pack("!ihih", 25, -1, -1, 0)[:11] for _ in rows[0])
    sent = _message(b"T", struct.pack("!h", len(rows[0])) + columns)
    for row in rows:
        values = b"".join(struct.pack("!i", len(value) + 4) + value.encode() for value in row)
        sent += _message(b"D", bytes([0xFF << (8 - len(row)) & 0xFF]) + values)
    return sent + _message(b"C", b"SELECT")


def tls_server(tmp_path: Path, host: str) -> tuple[str, ssl.SSLContext]:
    """An authority's certificate, and a server's side of TLS for this host."""
    authority, certificate, key = authority_and_certificate(host)
    (tmp_path / "c.pem").write_bytes(certificate)
    (tmp_path / "k.pem").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")
    return authority, context


@contextmanager
def listening(server: Server) -> Iterator[int]:
    """The server's port; each connection has a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=server.serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


async def test_a_login_with_tls(tmp_path: Path) -> None:
    """The relay agrees on TLS and verifies the name; the driver is told that there is none, and shows no file to anyone."""
    authority, context = tls_server(tmp_path, "localhost")
    server = Server(ssl_answer=b"S", context=context)
    with listening(server) as port:
        async with Netezza.open(source(port, host="localhost", rootcert=authority), read_only=True) as session:
            found = await session.identity()
            assert (found.user, found.database, found.tls) == ("SOURCECHECK", "SHOP", True)
            assert found.tls_version == "TLSv1.3"
            assert await session.version() == "Netezza 11.2.1.0"
            assert (await session.query("SELECT CURRENT_USER")).value == "SOURCECHECK"
    assert server.levels == [(SSL_NEGOTIATE, SECURED), (SSL_CONNECT, SECURED)]
    assert server.passwords == [b"swordfish\0"]
    assert "SET SESSION READ ONLY" in server.queries


@pytest.mark.parametrize(
    ("host", "answer", "code"),
    [
        ("127.0.0.1", b"S", ErrorCode.TLS_ERROR),
        ("localhost", b"N", ErrorCode.TLS_ERROR),
        ("localhost", b"E", ErrorCode.TLS_ERROR),
    ],
    ids=["another name", "no TLS", "an error"],
)
async def test_tls_that_is_not_good_enough(tmp_path: Path, host: str, answer: bytes, code: ErrorCode) -> None:
    """No password is sent to a server with another name, or without TLS."""
    authority, context = tls_server(tmp_path, "localhost")
    server = Server(ssl_answer=answer, context=context)
    with listening(server) as port, pytest.raises(CheckError) as caught:
        async with Netezza.open(source(port, host=host, rootcert=authority), read_only=True):
            pass
    assert (caught.value.code, caught.value.details["stage"]) == (code, "tls")
    assert server.passwords == []


async def test_without_tls() -> None:
    """It has to be allowed, for the server may ask for the password as it is; then the session says what it is."""
    server = Server()
    with listening(server) as port:
        with pytest.raises(CheckError) as caught:
            async with Netezza.open(source(port, tls=False), read_only=True):
                pass
        assert (caught.value.code, caught.value.details["cleartext"]) == (ErrorCode.AUTHENTICATION_FAILED, True)
        assert server.levels == []
        async with Netezza.open(source(port, tls=False, allow_cleartext_password=True), read_only=False) as session:
            assert not (await session.identity()).tls
    assert server.levels == [(SSL_NEGOTIATE, UNSECURED)]
    assert "SET SESSION READ ONLY" not in server.queries


async def test_a_refused_login() -> None:
    """The sentence of the server, which the driver has in its log alone; a missing password is asked for."""
    server = Server(refuses="FATAL 1:  Password authentication failed for user 'SOURCECHECK'")
    with listening(server) as port, pytest.raises(CheckError) as caught:
        async with Netezza.open(source(port, tls=False, allow_cleartext_password=True), read_only=True):
            pass
    assert caught.value.code is ErrorCode.AUTHENTICATION_FAILED
    assert caught.value.message == "Password authentication failed for user 'SOURCECHECK'"
    with pytest.raises(CheckError) as caught:
        async with Netezza.open(source(port, password=None), read_only=True):
            pass
    assert caught.value.details["secret_missing"]


@pytest.mark.parametrize("kind", [b"u", b"l", b"e"], ids=["write", "read and send", "write a log"])
async def test_a_server_that_asks_for_a_file(tmp_path: Path, kind: bytes) -> None:
    """The driver would write a file of any name, or send one: it gets no further than the message."""
    secret, made = tmp_path / "secret", tmp_path / "made"
    secret.write_text("secret of the worker")
    name = str(secret if kind == b"l" else made).encode()
    server = Server()
    asked = {
        b"u": bytes(26) + struct.pack("!i", len(name)) + name,
        b"l": bytes(4) + name + b"\0" + struct.pack("!iii", 1, 1, 1024),
        b"e": struct.pack("!i", 2) + b"/\0" + name + b"\0" + struct.pack("!ii", 0, 0),
    }[kind]
    server.sends["SELECT 1"] = kind + bytes(4) + asked
    with listening(server) as port:
        plain = source(port, tls=False, allow_cleartext_password=True)
        async with Netezza.open(plain, read_only=True) as session:
            with pytest.raises(CheckError) as caught:
                await session.query("SELECT 1")
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR
    assert "file" in caught.value.message
    assert not made.exists()


async def test_the_server_learns_nothing_of_the_worker() -> None:
    """Not its user, machine, system or program: neither in the handshake nor in the driver's own queries."""
    server = Server()
    with telltale_machine(), listening(server) as port:
        async with Netezza.open(source(port, tls=False, allow_cleartext_password=True), read_only=True):
            pass
        assert told_by(b"".join([*server.said, *(query.encode() for query in server.queries)])) == []
    assert b"sourcecheck" in b"".join(server.said)
