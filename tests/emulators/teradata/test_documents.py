"""Teradata by its documents, and its driver on servers that misbehave."""

import asyncio
import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from datasources.databases.teradata import Teradata
from datasources.databases.teradata import session as questions
from datasources.databases.teradata.asker import VERSION
from datasources.databases.teradata.errors import CODES, refusal_of
from datasources.databases.teradata.model import TeradataOptions, TeradataSource
from datasources.databases.warehouse.errors import translated
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.documents import DocumentsContract, bad_server
from tests.emulators.kit import environment
from tests.fixtures.identity import told_apart, told_by
from tests.fixtures.servers.database import authority_and_certificate

GOOD = {"host": "td.example.com", "port": None, "user": "DATAFOLD", "password": "swordfish", "database": "shop"}

CHUNK = 65536
SERVER_SECONDS = 10
"""How long a server of ours may take to notice that a connection has ended."""


def source(port: int, **more: Any) -> TeradataSource:
    """A source on the loopback."""
    options = TeradataOptions(host="127.0.0.1", port=port, database="shop", **{"password": "swordfish", **more})
    return TeradataSource(name="x", options=options, connection_timeout=5)


class TestTeradata(DocumentsContract):
    """The published options, numbers of the manual, and the driver's limits."""

    kind: ClassVar = Teradata
    good: ClassVar = GOOD
    wrong: ClassVar = [{"port": 0}, {"database": ""}, {"user": "a\nb"}, {"ssl_verification": "no"}]
    dialect: ClassVar = "teradata"
    codes: ClassVar = [*CODES.items(), *((number, ErrorCode.QUERY_ERROR) for number in (2644, 2646, 3706, 3807))]
    statements: ClassVar = [
        questions.MEMBERS, questions.WITH_TYPES_OF_VIEWS, questions.WITHOUT_TYPES_OF_VIEWS, questions.PRIMARY,
        questions.FOREIGN, questions.QUERIES, questions.NAMES.format(schema="'scratch'"), VERSION,
    ]  # fmt: skip

    def source(self, port: int) -> TeradataSource:
        """On the loopback."""
        return source(port)

    @contextmanager
    def raised(self, said: int) -> Iterator[None]:
        """As the driver raises it: tags, a number, a sentence, and where in its source that was."""
        import teradatasql

        text = (
            f"[Version 20.0.0.72] [Session 1042] [Teradata Database] [Error {said}] The system says no.\n"
            " at gosqldriver/teradatasql.formatError ErrorUtil.go:85"
        )
        with translated("login"):
            refusal = refusal_of(teradatasql.OperationalError(text))
            assert refusal is not None
            assert (refusal.message, refusal.details["teradata_error"]) == ("The system says no.", said)
            raise refusal
        yield


class TestTeradataWithTls(TestTeradata):
    """TLS is the driver's, through the relay as its proxy."""

    def source(self, port: int) -> TeradataSource:
        """On the loopback."""
        return source(port, tls=True)


async def test_no_password_is_no_login() -> None:
    """It is asked for; nothing of the worker's machine stands in for it."""
    with pytest.raises(CheckError) as caught:
        async with Teradata.open(source(1, password=None), read_only=True):
            pass
    assert (caught.value.code, caught.value.details["missing"]) == (ErrorCode.AUTHENTICATION_FAILED, ["password"])


async def test_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver is told of the relay alone: no other node, no proxy of the environment, no text of its own in a query."""
    import teradatasql

    told: list[dict[str, str]] = []
    real = teradatasql.connect

    def connect(settings: str) -> Any:
        told.append(json.loads(settings))
        return real(settings)

    monkeypatch.setattr(teradatasql, "connect", connect)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    for tls in (False, True):
        with bad_server("half-closing") as port, pytest.raises(CheckError):
            async with Teradata.open(source(port, tls=tls), read_only=True):
                pass
    plain, secured = told
    assert (plain["host"], plain["cop"], plain["encryptdata"], plain["sslmode"]) == (
        "127.0.0.1",
        "false",
        "true",
        "DISABLE",
    )
    assert secured["https_proxy"].startswith("http://127.0.0.1:")
    assert (secured["sslmode"], secured["sslcrc"], secured["proxy_bypass_hosts"]) == (
        "VERIFY-FULL",
        "DISABLE",
        "none.invalid",
    )


async def first_words() -> bytes:
    """What a server hears, without TLS, before it has answered."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(CHUNK))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        asks = msgspec.structs.replace(source(server.sockets[0].getsockname()[1]), connection_timeout=30)
        with contextlib.suppress(CheckError):
            async with Teradata.open(asks, read_only=True):
                pass
    return b"".join(heard)


def test_what_the_server_learns_before_the_login() -> None:
    """Nothing of the worker (security row 34). What the login itself tells, it tells encrypted, to a real server alone."""
    sent, told = told_apart(f"{__name__}:first_words", str(environment("drivers")))
    assert b"TTU" in sent
    assert told == []


@pytest.mark.parametrize(
    ("host", "code"), [("localhost", ErrorCode.CONNECTION_ERROR), ("127.0.0.1", ErrorCode.TLS_ERROR)]
)
async def test_tls_is_verified(tmp_path: Path, host: str, code: ErrorCode) -> None:
    """The driver verifies the source's name, although it speaks to our relay; a server of another name hears nothing."""
    authority, certificate, key = authority_and_certificate("localhost")
    (tmp_path / "c.pem").write_bytes(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c.pem")
    heard: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(listener.accept()[0], server_side=True) as secured:
            heard.append(secured.recv(1000))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,), daemon=True)
        server.start()
        port = listener.getsockname()[1]
        options = TeradataOptions(
            host=host, port=port, password="swordfish", database="shop", tls=True, rootcert=authority
        )
        with pytest.raises(CheckError) as caught:
            async with Teradata.open(TeradataSource(name="x", options=options, connection_timeout=5), read_only=True):
                pass
        server.join(SERVER_SECONDS)  # the verdict may be there before the server has noted what it heard
    assert not server.is_alive()
    assert caught.value.code is code
    assert any(heard) == (code is ErrorCode.CONNECTION_ERROR)
    assert told_by(b"".join(heard)) == []
