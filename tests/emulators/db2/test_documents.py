"""Db2, by its documents, and by IBM's own driver against a double of its protocol that knows logins."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from datasources.databases.db2 import Db2, asker, catalog, session
from datasources.databases.db2.errors import CODES, STATES, refusal_of
from datasources.databases.db2.model import Db2Options, Db2Source
from datasources.databases.warehouse.errors import translated
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.documents import DocumentsContract, bad_server
from tests.emulators.db2.drda import ACCSEC, ENCRYPTED, IN_CLEAR, PASSWORD, RDBNAM, SECCHK, SECMEC, USRID, double
from tests.emulators.kit import environment
from tests.fixtures.identity import told_apart
from tests.fixtures.servers.certificates import Authority
from tests.fixtures.servers.ear import ear

WRONG_PASSWORD = 0x0F
SECRET = """p'a"s{s}=w rd"""


@pytest.fixture(autouse=True)
def drivers() -> None:
    """IBM's driver is installed by `make emulator-drivers`."""
    environment("drivers")


class TestDb2(DocumentsContract):
    """Db2 for Linux, UNIX and Windows."""

    kind = Db2
    good = {
        "host": "db.example",
        "port": 50001,
        "user": "reader",
        "password": "a password",
        "dbname": "SHOP",
        "connection_timeout": 10,
        "current_schema": "SHOP",
        "pool_size": 1,
        "ssl": True,
        "ssl_certificate": "-----BEGIN CERTIFICATE-----",
        "allow_cleartext_password": False,
    }
    wrong = [
        {"host": "db.example;PORT=1"},
        {"port": 0},
        {"dbname": "SHOP;HOSTNAME=inner"},
        {"user": "reader;TRACE=1"},
        {"user": None},
        {"current_schema": "A;B"},
        {"connection_timeout": 0},
        {"connection_string": "DATABASE=SHOP"},
        {"ssl_client_keystoredb": "/etc/keys"},
    ]
    codes = [
        *(
            (f"SQL{-number:04}N  words.  SQLSTATE=00000 SQLCODE={number}", meant.code)
            for number, meant in CODES.items()
        ),
        *((f"SQL0001N  words.  SQLSTATE={state} SQLCODE=-1", code) for state, code in STATES.items()),
        ("[IBM][CLI Driver][DB2/LINUXX8664] SQL0204N  words  SQLSTATE=42704 SQLCODE=-204", ErrorCode.QUERY_ERROR),
        ("[IBM][CLI Driver] CLI0124E  words. SQLSTATE=HY009 SQLCODE=-99999", ErrorCode.QUERY_ERROR),
        ("Connection is not active", ErrorCode.CONNECTION_ERROR),
    ]
    statements = [
        asker.WHO, catalog.TABLES, catalog.COLUMNS, catalog.VIEWS, catalog.KEYS, catalog.REFERENCES,
        catalog.DEPENDENCIES, session.STATEMENTS, session.NAMES.format(schema="'O''BRIEN'"),
        session.SCHEMAS.format(schema="'SHOP'"),
    ]  # fmt: skip

    def source(self, port: int) -> Db2Source:
        """At the loopback."""
        return source(port)

    def raised(self, said: Any) -> AbstractContextManager[object]:
        """By the driver's message."""

        @contextmanager
        def block() -> Iterator[None]:
            with translated("query"):
                yield
                raise refusal_of(said)

        return block()


def source(port: int, *, seconds: float = 8, **options: Any) -> Db2Source:
    """At this port of the loopback."""
    facts = {"host": "127.0.0.1", "port": port, "user": "reader", "password": SECRET, "dbname": "SHOP"}
    return Db2Source(name="x", connection_timeout=seconds, options=Db2Options(**(facts | options)))


async def refused(given: Db2Source) -> CheckError:
    """Why this login is refused."""
    with pytest.raises(CheckError) as caught:
        async with Db2.open(given, read_only=True):
            pass
    return caught.value


async def test_a_wrong_password() -> None:
    """It goes encrypted, one connection is made, and the server's verdict has our code."""
    with double(mechanism=ENCRYPTED, check=WRONG_PASSWORD) as server:
        error = await refused(source(server.port))
    assert (error.code, error.details["reason"]) == (ErrorCode.AUTHENTICATION_FAILED, 24)
    assert (error.details["sqlcode"], error.details["stage"]) == (-30082, "login")
    assert server.connections == 1
    assert PASSWORD not in server.first(SECCHK)
    assert server.first(ACCSEC)[RDBNAM].decode("cp500").strip() == "SHOP"


async def test_no_password_in_clear_unless_allowed() -> None:
    """A server that asks for it in clear gets none, and the verdict says what to do (security row 19)."""
    with double(mechanism=IN_CLEAR, check=WRONG_PASSWORD) as server:
        error = await refused(source(server.port))
        assert (error.code, error.details["reason"]) == (ErrorCode.AUTHENTICATION_FAILED, 17)
        assert "allow_cleartext_password" in str(error.advice)
        assert not server.first(SECCHK)
        await refused(source(server.port, allow_cleartext_password=True))
    sent = server.first(SECCHK)
    assert (sent[USRID], sent[PASSWORD]) == (b"reader", SECRET.encode())


async def test_a_missing_database() -> None:
    """By the server's own message."""
    with double(mechanism=ENCRYPTED, found=False) as server:
        error = await refused(source(server.port))
    assert (error.code, error.details["sqlcode"]) == (ErrorCode.DATABASE_NOT_FOUND, -30061)


async def test_a_broken_connection_is_not_made_again() -> None:
    """The driver's client reroute is off: it would try for minutes, where a server has told it to (security row 25)."""
    with bad_server("half-closing") as port:
        error = await refused(source(port))
    assert error.code is ErrorCode.CONNECTION_ERROR


async def test_passwords_that_are_not_sent() -> None:
    """Without one the driver would take the worker's own user; a semicolon would begin another setting."""
    missing = await refused(source(1, password=None))
    assert (missing.code, missing.details["missing"]) == (ErrorCode.AUTHENTICATION_FAILED, ["password"])
    injected = await refused(source(1, password="a;HOSTNAME=inner"))
    assert (injected.code, "semicolon" in injected.message) == (ErrorCode.AUTHENTICATION_FAILED, True)


async def test_a_server_that_names_another() -> None:
    """The driver would go there as soon as the connection breaks, wherever that is (security row 25)."""
    with double() as other, double(other=other.port) as server:
        error = await refused(source(server.port))
    assert error.code is ErrorCode.CONNECTION_ERROR
    assert (server.connections, other.connections) == (1, 0)


@pytest.mark.parametrize(("name", "code"), [("127.0.0.1", ErrorCode.AUTHENTICATION_FAILED), ("x", ErrorCode.TLS_ERROR)])
async def test_tls(tmp_path: Path, name: str, code: ErrorCode) -> None:
    """The relay speaks it, and verifies chain and name, before a byte of the login is sent."""
    authority = Authority()
    context = authority.context(tmp_path, f"CN={name}", name)
    with double(mechanism=IN_CLEAR, check=WRONG_PASSWORD, context=context) as server:
        error = await refused(source(server.port, ssl=True, ssl_certificate=authority.pem))
    assert error.code is code
    assert bool(server.said) == (code is not ErrorCode.TLS_ERROR)


async def test_a_path_is_no_certificate() -> None:
    """A file of the worker's is not read."""
    error = await refused(source(1, ssl=True, ssl_certificate="/etc/ssl/certs/ca-certificates.crt"))
    assert (error.code, "PEM" in error.message) == (ErrorCode.TLS_ERROR, True)


SCRIPT = """
import asyncio, sys
sys.path.append(sys.argv[1])
from datasources.databases.db2 import Db2
from tests.emulators.db2.test_documents import refused, source
print(asyncio.run(refused(source(int(sys.argv[2]), allow_cleartext_password=True))).details)
"""


@pytest.mark.parametrize("variable", ["DB2DSDRIVER_CFG_PATH", "DB2CLIINIPATH"])
def test_files_of_settings_are_not_read(tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here they would have the password sent in clear, to a server that takes it encrypted."""
    (tmp_path / "db2cli.ini").write_text("[COMMON]\nAuthentication=SERVER\n")
    setting = '<parameter name="Authentication" value="SERVER"/>'
    (tmp_path / "db2dsdriver.cfg").write_text(f"<configuration><parameters>{setting}</parameters></configuration>")
    monkeypatch.setenv(variable, str(tmp_path))
    drivers = environment("drivers")
    with double(mechanism=ENCRYPTED, check=WRONG_PASSWORD) as server:
        command = [sys.executable, "-c", SCRIPT, str(drivers), str(server.port)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert server.first(ACCSEC)[SECMEC] == ENCRYPTED.to_bytes(2, "big")
    assert PASSWORD not in server.first(SECCHK)


async def login() -> bytes:
    """What a server hears of a login, in clear."""
    with double() as server, ear(server.port) as way:
        await refused(source(way.port, seconds=30))
        return way.heard


def test_what_the_server_learns_of_the_worker() -> None:
    """Machine, account and process, which IBM's driver always names (security row 34); no more than that, and who asks."""
    sent, told = told_apart(f"{__name__}:login", str(environment("drivers")))
    assert "sourcecheck".encode("cp500") in sent
    assert {*told} <= {"host", "account", "process"}
