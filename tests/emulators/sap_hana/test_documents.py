"""SAP HANA by its documents, and its client on servers that misbehave."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import msgspec
import pytest

from datasources.databases.sap_hana import SapHana
from datasources.databases.sap_hana import session as questions
from datasources.databases.sap_hana.errors import CODES, by_number, refusal_of
from datasources.databases.sap_hana.model import HanaOptions, HanaSource
from datasources.databases.warehouse.errors import translated
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.documents import DocumentsContract, bad_server
from tests.emulators.kit import environment
from tests.emulators.sap_hana.hana import double
from tests.fixtures.identity import told_apart

GOOD = {"host": "hana.example.com", "port": 443, "user": "DATAFOLD", "password": "swordfish"}
APPLICATION, OS_USER = b"\x03\x1d\x0b\0", b"\x20\x1d\x0b\0"
"""Numbers of options of the protocol, before a text of 11 letters."""
WRITES = "feature not supported: writable statement not allowed in read-only transaction"


def source(port: int, **more: Any) -> HanaSource:
    """A source on the loopback."""
    options = HanaOptions(host="127.0.0.1", port=port, **{"password": "swordfish", **more})
    return HanaSource(name="x", options=options, connection_timeout=5)


class TestHana(DocumentsContract):
    """The published options, numbers of the documents, and the client's limits, without TLS."""

    kind: ClassVar = SapHana
    good: ClassVar = GOOD
    wrong: ClassVar = [{"port": 0}, {"tls": "yes"}, {"user": "a\nb"}, {"ssl_verification": "no"}]
    codes: ClassVar = [
        *((number, code) for number, code in CODES.items() if number > 0),
        (257, ErrorCode.QUERY_ERROR),
        (259, ErrorCode.QUERY_ERROR),
        (7, ErrorCode.QUERY_ERROR),
    ]
    statements: ClassVar = [
        questions.TABLES, questions.VIEWS, questions.COLUMNS, questions.PRIMARY, questions.FOREIGN, questions.ROWS,
        questions.DEPENDENCIES, questions.STATEMENTS, questions.MONITOR, questions.NAMES.format(schema="'SCRATCH'"),
    ]  # fmt: skip

    def source(self, port: int) -> HanaSource:
        """On the loopback, without TLS: the client is what is silent, not the relay."""
        return source(port, tls=False)

    @contextmanager
    def raised(self, said: int) -> Iterator[None]:
        """As the client raises it: a number and a text."""
        from hdbcli import dbapi

        with translated("login"):
            refusal = refusal_of(dbapi.Error(said, "the server says no"))
            assert refusal is not None
            assert (refusal.message, refusal.details["hana_error"]) == ("the server says no", said)
            raise refusal
        yield


class TestHanaWithTls(TestHana):
    """TLS comes first: the relay speaks it, and the same limits hold."""

    def source(self, port: int) -> HanaSource:
        """On the loopback."""
        return source(port)


def test_a_transaction_that_only_reads() -> None:
    """Number 7 is a feature that is not supported; in a transaction that only reads, a statement that writes."""
    assert by_number(7, WRITES).code is ErrorCode.QUERY_NOT_READ_ONLY


async def test_no_password_is_no_login() -> None:
    """It is asked for; nothing of the worker's machine stands in for it."""
    with pytest.raises(CheckError) as caught:
        async with SapHana.open(source(1, password=None), read_only=True):
            pass
    assert (caught.value.code, caught.value.details["missing"]) == (ErrorCode.AUTHENTICATION_FAILED, ["password"])


def test_our_relay_is_in_no_message() -> None:
    """The client says where its connection led, which is not where the source is."""
    said = "Connection failed (RTE:[89013] Socket closed by peer {127.0.0.1:5 -> 127.0.0.1:6} (127.0.0.1:5 -> 127.0.0.1:6))"
    refusal = by_number(-10709, said)
    assert (refusal.code, refusal.message) == (ErrorCode.CONNECTION_ERROR, "Connection failed: Socket closed by peer")


async def test_the_environment_lends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy and a file of keys of the worker's are of no interest to it, and nothing is tried twice."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("SSLKEYLOGFILE", "/nonexistent/keys")
    with bad_server("half-closing") as port, pytest.raises(CheckError) as caught:
        async with SapHana.open(source(port, tls=False), read_only=True):
            pass
    assert caught.value.code in (ErrorCode.CONNECTION_ERROR, ErrorCode.PROTOCOL_ERROR)


async def login() -> bytes:
    """What a server hears of a login that it challenges, and then leaves."""
    with double() as server, contextlib.suppress(CheckError):
        asks = msgspec.structs.replace(source(server.port, tls=False), connection_timeout=30)
        async with SapHana.open(asks, read_only=True):
            pass
    return server.heard


def test_what_the_server_learns_of_the_worker() -> None:
    """Who logs in, besides machine and process, which SAP's client always names; not as whom it runs (security row 34)."""
    sent, told = told_apart(f"{__name__}:login", str(environment("drivers")))
    assert OS_USER + b"sourcecheck" in sent
    assert APPLICATION + b"sourcecheck" in sent
    assert {*told} <= {"host", "process"}
