"""Vertica by its documents: what needs no server, and its driver on servers that misbehave."""

import asyncio
import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import vertica_python.errors as theirs

from datasources.databases.base import Column, ForeignKey, LineageEdge, Origin, TableName
from datasources.databases.globs import Globs
from datasources.databases.scratch import marked_name
from datasources.databases.vertica import Vertica
from datasources.databases.vertica import session as questions
from datasources.databases.vertica.asker import SSL_REQUEST, version_of
from datasources.databases.vertica.errors import CODES, refusal_of
from datasources.databases.vertica.model import VerticaOptions, VerticaSource
from datasources.databases.vertica.session import VerticaSession, catalog_of
from datasources.databases.warehouse.errors import translated
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.documents import DocumentsContract
from tests.fixtures.identity import telltale_machine, told_by
from tests.fixtures.servers.database import authority_and_certificate

GOOD = {
    "host": "vertica.example.com",
    "port": 5433,
    "user": "sourcecheck",
    "password": "swordfish",
    "dbname": "VMart",
    "role": "Reader",
    "sslmode": "require",
}


class TestVertica(DocumentsContract):
    """The published options, SQLSTATEs of the documents, and the driver's limits."""

    kind: ClassVar = Vertica
    good: ClassVar = GOOD
    wrong: ClassVar = [
        {"dbname": ""}, {"port": 0}, {"sslmode": "disable"}, {"sslmode": "verify-ca"}, {"user": "a\nb"}, {"role": "a\0b"},
    ]  # fmt: skip
    codes: ClassVar = [*CODES.items(), ("42601", ErrorCode.QUERY_ERROR), ("42V01", ErrorCode.QUERY_ERROR)]
    statements: ClassVar = [
        questions.TABLES, questions.VIEWS, questions.COLUMNS, questions.PRIMARY, questions.FOREIGN, questions.COMMENTS,
        questions.ROWS, questions.DEPENDENCIES, questions.USAGE, questions.MONITOR,
        questions.NAMES.format(schema="'scratch'"),
    ]  # fmt: skip

    def source(self, port: int) -> VerticaSource:
        """On the loopback; `prefer` asks for TLS as well."""
        return source(port)

    @contextmanager
    def raised(self, said: str) -> Iterator[None]:
        """As the driver raises it at a login: one line of text."""
        text = f"Severity: FATAL, Message: No, said: it, Sqlstate: {said}, Routine: auth, Error Code: 3781"
        with translated("login"):
            refusal = refusal_of(theirs.ConnectionError(text))
            assert refusal is not None
            assert refusal.message == "No, said: it"
            assert refusal.details["sqlstate"] == said
            assert refusal.details["vertica_error"] == "3781"
            raise refusal
        yield


def source(port: int, **more: Any) -> VerticaSource:
    """A source on the loopback."""
    options = VerticaOptions(
        host="127.0.0.1", port=port, user="sourcecheck", password="swordfish", dbname="shop", **more
    )
    return VerticaSource(name="x", options=options, connection_timeout=5)


def test_what_the_driver_says_itself() -> None:
    """Its own sentences have no SQLSTATE: a broken connection, an answer that it cannot read, an old password."""
    said = {
        theirs.ConnectionError("Connection closed by Vertica"): ErrorCode.CONNECTION_ERROR,
        theirs.MessageError("Bad message size: 1"): ErrorCode.PROTOCOL_ERROR,
        theirs.ConnectionError("The password for user x has expired"): ErrorCode.AUTHENTICATION_FAILED,
    }
    for error, code in said.items():
        refusal = refusal_of(error)
        assert refusal is not None
        assert refusal.code is code
    assert refusal_of(ValueError("x")) is None


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Vertica Analytic Database v23.4.0-0", "Vertica 23.4.0-0"),
        ("Vertica Analytic Database v9.2.1-6", "Vertica 9.2.1-6"),
        ("something else", "Vertica something else"),
    ],
)
def test_version_words(said: str, shown: str) -> None:
    """The product and its number."""
    assert version_of(said) == shown


def test_rows_of_the_catalogue() -> None:
    """Tables and views with columns, keys, comments, and counts of rows."""
    catalog = catalog_of(
        tables=[["shop", "orders"], ["shop", "customers"]],
        views=[["shop", "totals", "SELECT sum(total) FROM shop.orders"], ["shop", "hidden", None]],
        columns=[
            ["shop", "customers", "id", "int", False, None, 1],
            ["shop", "orders", "id", "int", False, "nextval('s')", 1],
            ["shop", "orders", "customer", "int", True, "", 2],
            ["shop", "totals", "sum", "int", True, None, 1],
        ],
        primary=[["shop", "orders", "id"], ["shop", "customers", "id"]],
        foreign=[["shop", "orders", "fk", "customer", "shop", "customers", "id"]],
        comments=[["TABLE", "shop", "orders", "", "What was sold"], ["COLUMN", "shop", "orders", "id", "Number"]],
        rows=[["shop", "orders", 12], ["shop", "customers", None]],
    )
    tables = {member.name: catalog.table(member) for member in catalog.members}
    assert [*tables] == ["customers", "hidden", "orders", "totals"]
    orders = tables["orders"]
    assert (orders.kind, orders.rows, orders.comment, orders.primary_key) == ("table", 12, "What was sold", ["id"])
    assert orders.columns == [
        Column(name="id", type="int", nullable=False, default="nextval('s')", comment="Number"),
        Column(name="customer", type="int"),
    ]
    there = TableName("shop", "customers")
    assert orders.foreign_keys == [ForeignKey(columns=["customer"], table=there, referenced=["id"])]
    assert tables["customers"].rows is None
    assert tables["totals"].definition == "SELECT sum(total) FROM shop.orders"
    assert catalog.view_lineage(VerticaSession.dialect, folded=True, near=True).unread == [
        TableName("shop", "hidden"), TableName("shop", "totals")
    ]  # fmt: skip


def test_names_in_statements() -> None:
    """Quotes are doubled, in names and in texts."""
    statements = VerticaSession(None, 1).scratch('a"b', "t", "0f")  # type: ignore[arg-type]
    assert statements["create"] == 'CREATE TABLE "a""b"."t" (token varchar(64))'
    assert "LOWER('it''s')" in VerticaSession(None, 1).names_in("it's")  # type: ignore[arg-type]


class Server:
    """The first words of a server, and what it was asked: enough for what a driver must not answer."""

    def __init__(self, *, tls: bytes, authentication: int, sqlstate: str = "28000") -> None:
        self._tls = tls
        self._authentication = authentication
        self._sqlstate = sqlstate
        self.passwords: list[bytes] = []
        self.startup = b""
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        self.connections += 1
        assert await reader.readexactly(8) == SSL_REQUEST
        writer.write(self._tls)
        if self._tls == b"N":
            (length,) = struct.unpack("!I", await reader.readexactly(4))
            self.startup = await reader.readexactly(length - 4)
            writer.write(b"R" + struct.pack("!II", 8, self._authentication))
            if await reader.read(1) == b"p":
                (length,) = struct.unpack("!I", await reader.readexactly(4))
                self.passwords.append(await reader.readexactly(length - 4))
                fields = b"".join([b"SFATAL\0", b"MInvalid username or password\0", b"C28000\0", b"V3781\0", b"\0"])
                writer.write(b"E" + struct.pack("!I", len(fields) + 4) + fields)
        await writer.drain()
        writer.close()


async def refused_by(server: Server, **more: Any) -> CheckError:
    """How a login at this server ends."""
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listener:
        with pytest.raises(CheckError) as caught:
            async with Vertica.open(source(listener.sockets[0].getsockname()[1], **more), read_only=True):
                pass
    return caught.value


async def test_the_server_learns_nothing_of_the_worker() -> None:
    """Not its user, machine, system or process: sourcecheck is what logs in."""
    server = Server(tls=b"N", authentication=CLEAR)
    with telltale_machine():
        await refused_by(server)
        assert told_by(server.startup) == []
    assert b"client_os_user_name\0sourcecheck\0" in server.startup
    assert b"client_pid\0" + b"0\0" in server.startup


OK, CLEAR, GSS, OAUTH = 0, 3, 7, 12


class AskingForAFile(Server):
    """Lets everyone in, and answers the first statement with a wish for a file (COPY … FROM LOCAL)."""

    def __init__(self, path: str) -> None:
        super().__init__(tls=b"N", authentication=OK)
        self._path = path
        self.answers: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        await reader.readexactly(8)
        writer.write(b"N")
        (length,) = struct.unpack("!I", await reader.readexactly(4))
        await reader.readexactly(length - 4)
        writer.write(message(b"R", struct.pack("!I", OK)) + message(b"K", bytes(8)) + message(b"Z", b"I"))
        await reader.readexactly(5)
        await reader.readuntil(b"\0")
        file = self._path.encode() + b"\0"
        writer.write(message(b"F", struct.pack("!H", 1) + file + b"\0\0"))
        writer.write(message(b"Z", b"I"))
        self.answers.append(await reader.readexactly(1))
        writer.write_eof()
        self.answers.append(await reader.read())
        writer.close()


def message(kind: bytes, data: bytes) -> bytes:
    """One message of the protocol."""
    return kind + struct.pack("!I", len(data) + 4) + data


async def test_a_server_that_asks_for_a_file(tmp_path: Path) -> None:
    """It gets none: not a byte of it is sent."""
    file = tmp_path / "secret"
    file.write_text("secret of the worker")
    server = AskingForAFile(str(file))
    refusal = await refused_by(server)
    assert refusal.code is ErrorCode.CONNECTION_ERROR
    assert server.answers[0] == b"Q"  # the next statement, and no list of files
    assert b"secret of" not in server.answers[1]


async def test_a_password_in_clear() -> None:
    """None is sent without TLS, unless the source says so; what the server says then is understood."""
    server = Server(tls=b"N", authentication=CLEAR)
    refusal = await refused_by(server)
    assert (refusal.code, refusal.details["cleartext"]) == (ErrorCode.AUTHENTICATION_FAILED, True)
    assert server.passwords == []
    refusal = await refused_by(server, allow_cleartext_password=True)
    assert (refusal.code, refusal.message) == (ErrorCode.AUTHENTICATION_FAILED, "Invalid username or password")
    assert refusal.details["sqlstate"] == "28000"
    assert server.passwords == [b"swordfish\0"]
    assert server.connections == 2  # nothing was tried again


@pytest.mark.parametrize("method", [GSS, OAUTH])
async def test_no_credential_of_the_machine(method: int) -> None:
    """A server that asks for Kerberos or a token gets neither."""
    server = Server(tls=b"N", authentication=method)
    refusal = await refused_by(server)
    assert (refusal.code, server.passwords) == (ErrorCode.AUTHENTICATION_FAILED, [])
    assert "Kerberos" in refusal.message


@pytest.mark.parametrize(
    ("answer", "sslmode", "code"),
    [
        (b"N", "require", ErrorCode.TLS_ERROR),
        (b"N", "verify-full", ErrorCode.TLS_ERROR),
        (b"S", "prefer", ErrorCode.CONNECTION_ERROR),
        (b"H", "prefer", ErrorCode.PROTOCOL_ERROR),
        (b"", "prefer", ErrorCode.CONNECTION_ERROR),
    ],
)
async def test_tls_is_agreed_on(answer: bytes, sslmode: str, code: ErrorCode) -> None:
    """Where it has to be, a server without it is refused; one that says yes and leaves is told as it is."""
    refusal = await refused_by(Server(tls=answer, authentication=CLEAR), sslmode=sslmode)
    assert (refusal.code, refusal.details["stage"]) == (code, "tls")


def test_what_statements_read_and_wrote() -> None:
    """Pairs of the server's record; a table that the user cannot see is in none of them."""
    from datasources.databases.warehouse.records import edges_between

    rows: list[list[Any]] = [
        ["s", "a", "s", "b", 1, 1],
        ["s", "a", "s", "b", 2, 1],
        ["s", "b", "s", "b", 3, 1],
        ["x", "y", "s", "b", 4, 1],
    ]
    assert edges_between(rows, Origin.query_history, [("s", "a"), ("s", "b")]) == [
        LineageEdge(source=TableName("s", "a"), target=TableName("s", "b"), origin=Origin.query_history)
    ]


class Speaking:
    """A server that takes any password within TLS, and answers statements with rows of text, or with an SQLSTATE."""

    def __init__(
        self, context: ssl.SSLContext, rows: dict[str, list[list[str | None]]], refused: dict[str, str]
    ) -> None:
        self._context = context
        self._rows = rows
        self._refused = refused
        self._token = ""
        self.statements: list[str] = []

    def serve(self, sock: socket.socket) -> None:
        """One connection; nothing is read before it is due, for TLS may be what comes next."""
        with contextlib.suppress(OSError, EOFError), sock:
            exactly(sock, 8)
            sock.sendall(b"S")
            with self._context.wrap_socket(sock, server_side=True) as secured:
                exactly(secured, struct.unpack("!I", exactly(secured, 4))[0] - 4)
                secured.sendall(message(b"R", struct.pack("!I", CLEAR)))
                exactly(secured, 1)
                exactly(secured, struct.unpack("!I", exactly(secured, 4))[0] - 4)
                secured.sendall(message(b"R", struct.pack("!I", OK)) + message(b"K", bytes(8)) + message(b"Z", b"I"))
                while exactly(secured, 1) == b"Q":
                    statement = exactly(secured, struct.unpack("!I", exactly(secured, 4))[0] - 4)[:-1].decode()
                    self.statements.append(statement)
                    secured.sendall(self._answer(statement) + message(b"Z", b"I"))

    def _answer(self, statement: str) -> bytes:
        for start, state in self._refused.items():
            if statement.strip().startswith(start.strip()):
                fields = [b"SERROR", b"MNo", b"C" + state.encode(), b""]
                return message(b"E", b"".join(field + b"\0" for field in fields))
        if written := re.search(r"VALUES \('(\w+)'\)", statement):
            self._token = written[1]
        rows = [[self._token]] if statement.startswith("SELECT token") else self._rows.get(statement)
        if rows is None:
            return message(b"C", b"SET\0")
        return described(len(rows[0]) if rows else 1) + b"".join(map(row_of, rows)) + message(b"C", b"SELECT\0")


def exactly(sock: socket.socket, number: int) -> bytes:
    """So many bytes."""
    data = b""
    while len(data) < number:
        piece = sock.recv(number - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def described(columns: int) -> bytes:
    """So many columns of text."""
    field = b"c\0" + struct.pack("!QH", 0, 0) + struct.pack("!BIhHHiH", 0, 9, -1, 1, 0, -1, 0)
    return message(b"T", struct.pack("!HI", columns, 0) + field * columns)


def row_of(values: list[str | None]) -> bytes:
    """One row; None is null."""
    sent = [
        struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value.encode() for value in values
    ]
    return message(b"D", struct.pack("!H", len(values)) + b"".join(sent))


@contextmanager
def listening(server: Speaking) -> Iterator[int]:
    """The server's port; each connection has a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=server.serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


WHO = "SELECT CURRENT_USER(), CURRENT_DATABASE(), VERSION()"
ROWS: dict[str, list[list[str | None]]] = {
    WHO: [["sourcecheck", "shop", "Vertica Analytic Database v23.4.0-0"]],
    "SELECT 1": [["1"]],
    questions.TABLES: [["shop", "customers"], ["shop", "orders"], ["shop", "report"]],
    questions.VIEWS: [["shop", "totals", "SELECT 1"]],
    questions.COLUMNS: [
        ["shop", name, "id", "int", "t", None, "1"] for name in ("customers", "orders", "report", "totals")
    ],
    questions.PRIMARY: [["shop", "orders", "id"]],
    questions.FOREIGN: [],
    questions.DEPENDENCIES: [["shop", "orders", "shop", "totals"]],
    questions.USAGE: [["shop", "orders", "shop", "report", "1", "1"]],
}


def speaking(tmp_path: Path, rows: dict[str, list[list[str | None]]], refused: dict[str, str]) -> tuple[str, Speaking]:
    """An authority, and a server that it knows as localhost."""
    authority, certificate, key = authority_and_certificate("localhost")
    (tmp_path / "c.pem").write_bytes(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c.pem")
    return authority, Speaking(context, rows, refused)


async def test_a_session_within_tls(tmp_path: Path) -> None:
    """The relay verifies the name; the driver logs in, and every question is asked of the server as it is written."""
    refused = {questions.COMMENTS: "42703", questions.ROWS: "42501", questions.MONITOR: "42883"}
    authority, server = speaking(tmp_path, ROWS, refused)
    with listening(server) as port:
        options = VerticaOptions(
            host="localhost", port=port, user="sourcecheck", password="swordfish", dbname="shop", role='a"b',
            sslmode="verify-full", rootcert=authority,
        )  # fmt: skip
        opened = VerticaSource(name="x", options=options, connection_timeout=5, query_timeout=60)
        async with Vertica.open(opened, read_only=True) as session:
            found = await session.identity()
            assert (found.user, found.database, found.tls, found.tls_verified) == ("sourcecheck", "shop", True, "full")
            assert found.tls_version == "TLSv1.3"
            assert await session.version() == "Vertica 23.4.0-0"
            assert (await session.query("SELECT 1")).value == "1"
            before = len(server.statements)
            tables = [table async for batch in session.tables(Globs()) for table in batch]
            assert [table.name for table in tables] == ["customers", "orders", "report", "totals"]
            assert len(server.statements) - before == 7
            lineage = await session.lineage(Globs())
    origins = {(edge.source.name, edge.target.name): edge.origin for edge in lineage.edges}
    assert origins == {("orders", "totals"): Origin.dependency_record, ("orders", "report"): Origin.query_history}
    assert lineage.unread == []
    assert lineage.history is not None
    assert "GRANT SYSMONITOR" in (lineage.history.missing or "")
    assert server.statements[:5] == [
        'SET ROLE "a""b"', "SET STANDARD_CONFORMING_STRINGS TO ON", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET SESSION RUNTIMECAP '60 seconds'", WHO,
    ]  # fmt: skip


async def test_a_table_for_a_moment(tmp_path: Path) -> None:
    """It is made, written, read and dropped; what an earlier test left behind goes, and nothing that looks like it."""
    names = VerticaSession(None, 1).names_in("scratch")  # type: ignore[arg-type]
    left = marked_name(now=1e9)
    rows = ROWS | {names: [[left], [marked_name()], ["sourcecheck_tmp_mine"]]}
    authority, server = speaking(tmp_path, rows, {})
    with listening(server) as port:
        opened = source(port, sslmode="verify-ca", rootcert=authority)
        async with Vertica.open(opened, read_only=False) as session:
            assert (await session.identity()).tls_verified == "ca"
            await session.write_and_drop("scratch")
            made = [statement.split(" (")[0].split(" VALUES")[0] for statement in server.statements[-4:]]
            assert await session.sweep("scratch") == [left]
    table = made[0].removeprefix("CREATE TABLE ")
    assert table.startswith('"scratch"."sourcecheck_tmp_')
    assert made == [
        f"CREATE TABLE {table}",
        f"INSERT INTO {table}",
        f"SELECT token FROM {table}",
        f"DROP TABLE {table}",
    ]
    assert server.statements[-1] == f'DROP TABLE "scratch"."{left}"'
    assert "READ ONLY" not in " ".join(server.statements)


async def test_a_table_that_may_not_be_made(tmp_path: Path) -> None:
    """By the server's SQLSTATE: a schema that is not there, and a right that is missing, with what grants it."""
    for state, code in {"3F000": ErrorCode.SCHEMA_NOT_FOUND, "42501": ErrorCode.PERMISSION_DENIED}.items():
        authority, server = speaking(tmp_path, ROWS, {"CREATE TABLE": state})
        with listening(server) as port:
            opened = source(port, sslmode="verify-ca", rootcert=authority)
            async with Vertica.open(opened, read_only=False) as session:
                with pytest.raises(CheckError) as caught:
                    await session.write_and_drop("scratch")
        assert (caught.value.code, caught.value.details["stage"]) == (code, "create")
        assert caught.value.advice
        assert "DROP" not in server.statements[-1]
