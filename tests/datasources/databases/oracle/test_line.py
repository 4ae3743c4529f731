"""Oracle's driver on our line, against small servers that speak the beginning of its protocol."""

import asyncio
import ssl
import threading
import time
from base64 import encodebytes
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from datasources.databases.flood import LOGIN_BYTES
from datasources.databases.limits import Limit
from datasources.databases.oracle import Oracle
from datasources.databases.oracle.line import Line
from datasources.databases.oracle.model import OracleOptions, OracleSource
from datasources.databases.oracle.names import require_name
from datasources.databases.oracle.wallet import context_of, wallet_of
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from datasources.network.progress import Progress
from tests.datasources.databases.oracle.packets import Talk, listener, packet, packet_of
from tests.doubles.oracle import Challenger
from tests.fixtures.identity import telltale_machine, told_by
from tests.fixtures.servers.certificates import Authority

pytest.importorskip("oracledb")

DN = "C=US,O=example,CN=db.example.com"


def refusal(number: int) -> bytes:
    """How a listener refuses."""
    text = f"(DESCRIPTION=(TMP=)(VSNNUM=0)(ERR={number})(ERROR_STACK=(ERROR=(CODE={number})(EMFI=4))))".encode()
    return packet(4, b"\0\0" + len(text).to_bytes(2, "big") + text)


def refuses(number: int) -> Talk:
    """A listener that refuses with this number."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_of(reader)
        writer.write(refusal(number))
        await writer.drain()

    return talk


def redirects(host: str, port: int) -> Talk:
    """A listener that redirects there."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_of(reader)
        text = f"(ADDRESS=(PROTOCOL=tcp)(HOST={host})(PORT={port}))\0(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=x)))".encode()
        writer.write(packet(5, len(text).to_bytes(2, "big")) + packet(6, b"\0\0" + text))
        await writer.drain()
        await reader.read()

    return talk


def says(data: bytes, times: int = 1) -> Talk:
    """A server that says this, and then listens."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(times):
            writer.write(data)
            await writer.drain()
        await reader.read()

    return talk


async def refused(port: int, seconds: float = 5, **options: Any) -> CheckError:
    """Why a login at this port is refused."""
    facts = {"host": "127.0.0.1", "port": port, "user": "READER", "password": "a password", "database": "SHOP"}
    source = OracleSource(name="x", connection_timeout=seconds, options=OracleOptions(**(facts | options)))
    with pytest.raises(CheckError) as caught:
        async with Oracle.open(source, read_only=True):
            pass
    return caught.value


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (12514, ErrorCode.DATABASE_NOT_FOUND),
        (12505, ErrorCode.DATABASE_NOT_FOUND),
        (12504, ErrorCode.DATABASE_NOT_FOUND),
        (12516, ErrorCode.TOO_MANY_CONNECTIONS),
        (12528, ErrorCode.CONNECTION_ERROR),
    ],
)
async def test_a_listener_that_refuses(number: int, code: ErrorCode) -> None:
    """The driver's own error for the listener's number has our code, and does not name the address."""
    async with listener(refuses(number)) as port:
        error = await refused(port, database_type="sid" if number == 12505 else "service")
    assert (error.code, error.details["stage"]) == (code, "login")
    assert str(number) in error.message
    assert "127.0.0.1" not in error.message


async def test_a_listener_that_redirects() -> None:
    """Where it leads is dialled by us; the login goes on there."""
    async with listener(refuses(12514)) as second, listener(redirects("127.0.0.1", second)) as first:
        error = await refused(first)
    assert error.code is ErrorCode.DATABASE_NOT_FOUND


@pytest.mark.parametrize("host", ["169.254.169.254", "metadata.google.internal"])
async def test_a_listener_that_redirects_to_a_forbidden_address(host: str) -> None:
    """It is judged as the source's own is (security rows 1 and 25)."""
    async with listener(redirects(host, 80)) as port:
        error = await refused(port)
    assert error.code is ErrorCode.DESTINATION_FORBIDDEN


async def test_a_listener_that_redirects_for_ever() -> None:
    """It is left after a few times."""
    place: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await redirects("127.0.0.1", place[0])(reader, writer)

    async with listener(talk) as port:
        place.append(port)
        error = await refused(port)
    assert (error.code, error.details["stage"]) == (ErrorCode.PROTOCOL_ERROR, "redirect")


@pytest.mark.parametrize("data", [bytes(64), b"SSH-2.0-OpenSSH_9.2\r\n", packet(6)[:1] + b"\0" + packet(6)[2:]])
async def test_what_is_no_packet(data: bytes) -> None:
    """The driver, which would read it for ever, does not hear of it."""
    async with listener(says(data)) as port:
        assert (await refused(port)).code is ErrorCode.PROTOCOL_ERROR


async def test_a_flood() -> None:
    """A login has its limit in bytes."""
    async with listener(says(packet(6, bytes(65000)), 2 * LOGIN_BYTES // 65000)) as port:
        error = await refused(port)
    assert (error.code, "MB" in error.message) == (ErrorCode.PROTOCOL_ERROR, True)


async def test_nobody_listens() -> None:
    """Says so, with the stage."""
    async with listener(says(b"")) as port:
        pass
    error = await refused(port)
    assert (error.code, error.details["stage"]) == (ErrorCode.CONNECTION_ERROR, "tcp")


async def test_calls_that_are_cut_off() -> None:
    """One that waits is cancelled in the driver's loop; one that keeps the loop busy keeps nobody else waiting."""
    source = OracleSource(name="x", options=OracleOptions(host="127.0.0.1"))
    line, cancelled = Line(source, ["127.0.0.1"], 1, Progress(1)), threading.Event()

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    async def is_busy() -> None:
        time.sleep(1.5)

    for make in (waits, is_busy):
        with pytest.raises(CheckError) as caught:
            async with Limit(0.5).round("query"):
                await line.call(make)
        assert (caught.value.code, caught.value.details) == (ErrorCode.TIMEOUT, {"stage": "query"})
    line.end()
    assert await asyncio.to_thread(cancelled.wait, 10)
    async with asyncio.timeout(10):
        while not line.loop.is_closed():
            await asyncio.sleep(0.05)


async def test_what_the_server_learns_of_the_worker() -> None:
    """Who logs in, besides the driver's process; neither where nor as whom it runs (security row 34)."""
    server = Challenger()
    with telltale_machine():
        async with listener(server) as port:
            assert (await refused(port, seconds=30)).code is ErrorCode.CONNECTION_ERROR
        for name in ("TERMINAL", "PROGRAM_NM", "MACHINE", "SID"):
            assert server.said(f"AUTH_{name}") == "sourcecheck"
        for name in ("PROGRAM", "HOST", "USER"):
            assert f"({name}=sourcecheck)".encode() in server.heard
        assert server.said("SESSION_CLIENT_DRIVER_NAME") == "sourcecheck"
        assert {*told_by(server.heard)} <= {"process"}


async def test_without_a_password() -> None:
    """Nothing is connected, and the test may ask for it; no wallet and no login of the machine stands in for it."""
    error = await refused(1, password=None)
    assert (error.code, error.details["missing"]) == (ErrorCode.AUTHENTICATION_FAILED, ["password"])


async def test_the_environment_lends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither aliases nor settings of an Oracle client on the worker change where a login leads."""
    (tmp_path / "tnsnames.ora").write_text("SHOP=(DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=127.0.0.1)(PORT=1)))")
    (tmp_path / "sqlnet.ora").write_text("WALLET_LOCATION=(SOURCE=(METHOD=FILE)(METHOD_DATA=(DIRECTORY=/nowhere)))")
    for name in ("TNS_ADMIN", "ORACLE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    async with listener(refuses(12514)) as port:
        assert (await refused(port)).code is ErrorCode.DATABASE_NOT_FOUND


@pytest.fixture(scope="module")
def authority() -> Authority:
    """One for all tests."""
    return Authority()


@pytest.mark.parametrize(
    ("subject", "names", "options", "code"),
    [
        ("CN=127.0.0.1", [], {}, ErrorCode.DATABASE_NOT_FOUND),
        ("CN=other.example", [], {}, ErrorCode.TLS_ERROR),
        ("CN=127.0.0.1", ["other.example"], {}, ErrorCode.TLS_ERROR),
        (DN, [], {"ssl_server_dn": "CN=db.example.com, O=example, C=US"}, ErrorCode.DATABASE_NOT_FOUND),
        (DN, [], {"ssl_server_dn": "CN=db.example.com"}, ErrorCode.TLS_ERROR),
        ("CN=127.0.0.1", [], {"ewallet_pem_file": None}, ErrorCode.TLS_ERROR),
    ],
)
async def test_tls(
    authority: Authority, tmp_path: Path, subject: str, names: list[str], options: dict[str, Any], code: ErrorCode
) -> None:
    """The chain by the wallet or the system, the name by the source: only then is a byte of the login sent."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await packet_of(reader))
        writer.write(refusal(12514))
        await writer.drain()

    async with listener(talk, authority.context(tmp_path, subject, *names)) as port:
        error = await refused(port, ssl=True, **({"ewallet_pem_file": authority.pem} | options))
    assert error.code is code
    assert bool(heard) == (code is not ErrorCode.TLS_ERROR)


async def test_tls_where_there_is_none() -> None:
    """A listener without TLS."""
    async with listener(says(refusal(12547))) as port:
        error = await refused(port, ssl=True)
    assert (error.code, error.details["stage"]) == (ErrorCode.TLS_ERROR, "tls")


def test_wallets(authority: Authority) -> None:
    """PEM and PKCS#12, with a certificate of the client or without; a key in it is opened by the password."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = authority.signed("CN=client", key.public_key())
    sealed = BestAvailableEncryption(b"secret")
    pem = (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed).decode()
        + own.public_bytes(Encoding.PEM).decode()
        + authority.pem
    )
    binary = serialize_key_and_certificates(b"x", key, own, [authority.certificate], sealed)
    text = encodebytes(binary).decode()
    for wallet in ({"ewallet_pem_file": pem}, {"ewallet_pkcs12_file": text, "ewallet_type": "pkcs12"}):
        options = OracleOptions(host="h", ewallet_password="secret", **wallet)
        found = wallet_of(options)
        assert (found.trusted, found.own) == ([authority.certificate], own)
        assert context_of(options).verify_mode is ssl.CERT_REQUIRED
        with pytest.raises(CheckError) as caught:
            wallet_of(OracleOptions(host="h", ewallet_password="wrong", **wallet))
        assert caught.value.code is ErrorCode.TLS_ERROR
    assert wallet_of(OracleOptions(host="h", ewallet_pem_file=authority.pem)).trusted == [authority.certificate]
    assert wallet_of(OracleOptions(host="h")).trusted == []
    for nothing in ({"ewallet_pem_file": "none"}, {"ewallet_pkcs12_file": "none"}):
        with pytest.raises(CheckError):
            wallet_of(OracleOptions(host="h", **nothing))


@pytest.mark.parametrize(
    ("host", "subject", "names", "fits"),
    [
        ("db.example.com", "CN=x", ["DB.example.com"], True),
        ("db.example.com", "CN=x", ["*.example.com"], True),
        ("db.example.com", "CN=db.example.com", [], True),
        ("db.example.com", "CN=*.example.com", [], True),
        ("db.example.com", "CN=db.example.com", ["other.example.com"], False),
        ("a.db.example.com", "CN=x", ["*.example.com"], False),
        ("db.example.com", "CN=x", ["*.com", "*", "d*.example.com"], False),
        ("192.0.2.1", "CN=*.0.2.1", [], False),
    ],
)
def test_names_of_certificates(authority: Authority, host: str, subject: str, names: list[str], fits: bool) -> None:
    """Alternative names before the common name; a star is one whole label, and not the second to last."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.signed(subject, key.public_key(), *names).public_bytes(Encoding.DER)
    if fits:
        require_name(certificate, host, None)
        return
    with pytest.raises(CheckError):
        require_name(certificate, host, None)
