"""A server that floods, lies, stalls or echoes: a verdict that names it, in bounds, whatever it sends."""

from collections.abc import Iterable
from functools import partial
from tempfile import gettempdir
from typing import Any, ClassVar

import pytest

from datasources.databases.base import Session
from datasources.databases.flood import ANSWER_BYTES, MEGABYTE
from datasources.databases.globs import Globs
from datasources.databases.postgres import Postgres
from datasources.databases.postgres.model import PgOptions, PgSource
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.doubles.postgres import (
    CLEARTEXT,
    DONE,
    JSON,
    TEXT,
    WELCOME,
    Script,
    answer,
    described,
    endless,
    message,
    notification,
    parameter,
    refusal,
    row,
    serving,
)
from tests.fixtures.servers.database import PASSWORD, Server

HUGE = 64 * MEGABYTE
BLOCK = b"x" * 12_000


class Says(Script):
    """An ordinary server, but for its login or for its answers to statements with this word."""

    def __init__(self, client: Any, *, word: str = "", says: Any = None, login: Any = None) -> None:
        super().__init__(client)
        self._word, self._says, self._login = word, says, login

    def login(self) -> Iterable[bytes]:
        """As told, or as ever."""
        return self._login() if self._login else super().login()

    def answer(self, sql: str) -> Iterable[bytes]:
        """As told, or as ever."""
        return self._says() if self._word and self._word in sql else super().answer(sql)


def source(port: int, **options: Any) -> PgSource:
    """A source at this port."""
    facts = {"host": "127.0.0.1", "port": port, "user": "reader", "password": PASSWORD, "dbname": "postgres"}
    return PgSource(name="hostile", connection_timeout=8, query_timeout=8, options=PgOptions(**(facts | options)))


async def everything(session: Session) -> None:
    """Whatever the steps ask."""
    await session.identity()
    await session.version()
    [batch async for batch in session.tables(Globs())]
    await session.lineage(Globs())
    await session.sweep("scratch")
    await session.query("SELECT 1")


async def verdict(script: Any) -> CheckError:
    """What a test of this server says."""
    with serving(script) as port, pytest.raises(CheckError) as caught:
        async with Postgres.connect(source(port)) as session:
            await everything(session)
    assert PASSWORD not in str(caught.value)
    return caught.value


async def test_an_ordinary_server_passes() -> None:
    """The double itself speaks well enough: what follows is not its own fault."""
    with serving(Says) as port:
        async with Postgres.connect(source(port)) as session:
            await everything(session)
            assert (await session.identity()).user == "reader"
            assert await session.version() == "PostgreSQL 16.1"


def huge(kind: bytes) -> Iterable[bytes]:
    """One message of 64 MB."""
    yield kind + (HUGE + 4).to_bytes(4, "big")
    yield from [BLOCK] * (HUGE // len(BLOCK))


def flood(piece: bytes, start: bytes = b"") -> Iterable[bytes]:
    """Something, and then the same without end."""
    yield start
    yield from endless(piece)


FLOODS = {
    "rows": partial(flood, row(BLOCK), described(TEXT)),
    "one row": partial(huge, b"D"),
    "error": partial(huge, b"E"),
    "notice": partial(huge, b"N"),
    "notifications": partial(flood, notification(12_000)),
    "parameters": partial(flood, parameter("application_name", BLOCK)),
    "results": partial(flood, answer(BLOCK)),
    "columns": partial(flood, described(*[TEXT] * 1600)),
}


STAGES = {
    "BEGIN": "identity",
    "current_database()": "identity",
    "FETCH": "tables",
    "ev_type": "lineage",
    "pg_extension": "history",
}


@pytest.mark.parametrize("word", STAGES)
@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_in_a_statement(kind: str, word: str) -> None:
    """It is cut off, at each statement; the verdict says where, and that it is the server's doing."""
    error = await verdict(partial(Says, word=word, says=FLOODS[kind]))
    assert (error.code, error.details["stage"]) == (ErrorCode.PROTOCOL_ERROR, STAGES[word]), error
    if word == "BEGIN":
        assert error.details["received_bytes"] > ANSWER_BYTES
        assert str(error) == "The server sent more than 8 MB (stage: identity)"


LOGIN_FLOODS = {
    "parameters": partial(flood, parameter("application_name", BLOCK), WELCOME),
    "notices": partial(flood, message(b"N", b"SNOTICE\0M" + BLOCK + b"\0\0"), WELCOME),
    "rows": partial(flood, row(BLOCK), WELCOME + described(TEXT)),
    "one notice": lambda: [WELCOME, *huge(b"N")],
    "error after the login": lambda: [WELCOME, *huge(b"E")],
    "authentication": partial(huge, b"R"),
}


@pytest.mark.parametrize("kind", LOGIN_FLOODS)
async def test_a_flood_in_a_login(kind: str) -> None:
    """The login has a cap of its own, from the first byte."""
    error = await verdict(partial(Says, login=LOGIN_FLOODS[kind]))
    assert error.code is ErrorCode.PROTOCOL_ERROR, error
    assert error.details["stage"] in ("login", "database")


@pytest.mark.parametrize("word", ["FETCH", "ev_type"])
async def test_rows_read_one_by_one(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue may be larger than one answer, but not without end."""
    monkeypatch.setattr("datasources.databases.flood.CONNECTION_BYTES", 32 * MEGABYTE)
    monkeypatch.setattr("datasources.databases.postgres.session.LINEAGE_BYTES", 16 * MEGABYTE)
    catalogue = word == "FETCH"
    piece = (
        row("s", "t", "r", BLOCK, "1", "[]", "[]", "") if catalogue else row("s", "t", "s", "v", b'["' + BLOCK + b'"]')
    )
    start = described(*[TEXT] * (8 if catalogue else 5))
    error = await verdict(partial(Says, word=word, says=partial(flood, piece, start)))
    assert error.code is ErrorCode.PROTOCOL_ERROR
    assert error.details["received_bytes"] > 16 * MEGABYTE


class Remembers(Says):
    """An ordinary server that has pg_stat_statements."""

    def answer(self, sql: str) -> Iterable[bytes]:
        """With the extension in a schema."""
        return [answer("ext", "true", "true")] if "pg_extension" in sql else super().answer(sql)


async def test_statements_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server remembers has an end as well, whatever it was asked for."""
    monkeypatch.setattr("datasources.databases.flood.CONNECTION_BYTES", 64 * MEGABYTE)
    monkeypatch.setattr("datasources.databases.postgres.session.LINEAGE_BYTES", 16 * MEGABYTE)
    says = partial(flood, row(BLOCK, "1"), described(TEXT, TEXT))
    error = await verdict(partial(Remembers, word="AS statements", says=says))
    assert (error.code, error.details["stage"]) == (ErrorCode.PROTOCOL_ERROR, "history")
    assert error.details["received_bytes"] > 16 * MEGABYTE


@pytest.mark.parametrize("pieces", [[answer("x", "many")], [answer("x", "-1")], [answer("x")], [answer("x", "1", "2")]])
async def test_statements_that_are_none(pieces: list[bytes]) -> None:
    """An answer of another form is a verdict on the server."""
    error = await verdict(partial(Remembers, word="AS statements", says=lambda: pieces))
    assert (error.code, error.details["stage"]) == (ErrorCode.PROTOCOL_ERROR, "history")


EDGE = ("s", "t", "s", "v", "[]")
NESTED = b"[" * 3000 + b"]" * 3000
LIES: dict[str, tuple[str, list[bytes]]] = {
    "one column instead of two": ("current_database()", [answer("reader")]),
    "five columns": ("current_database()", [answer("a", "b", "c", "d", "e")]),
    "null for who we are": ("current_database()", [answer(None, None)]),
    "no row": ("current_database()", [described(TEXT), DONE]),
    "no answer at all": ("current_database()", []),
    "two rows": ("current_database()", [described(TEXT), row("a"), row("b"), DONE]),
    "a copy": ("current_database()", [message(b"H", b"\0\0\0")]),
    "a copy for rows": ("FETCH", [message(b"H", b"\0\0\0")]),
    "an empty query": ("current_database()", [message(b"I")]),
    "nested JSON": (
        "FETCH",
        [answer("s", "t", "r", None, "1", NESTED, "[]", None, types=[TEXT] * 5 + [JSON] * 2 + [TEXT])],
    ),
    "an integer of 400,000 digits": ("FETCH", [answer("s", "t", "r", None, b"9" * 400_000, "[]", "[]", None)]),
    "an integer of 30 digits": ("FETCH", [answer("s", "t", "r", None, b"9" * 30, "[]", "[]", None)]),
    "no integer": ("FETCH", [answer("s", "t", "r", None, "many", "[]", "[]", None)]),
    "JSON of another form": ("FETCH", [answer("s", "t", "r", None, "1", '{"a": 1}', "[]", None)]),
    "JSON that is none": ("ev_type", [answer("s", "t", "s", "v", "[")]),
    "an unknown kind of table": ("FETCH", [answer("s", "t", "?", None, "1", "[]", "[]", None)]),
    "an unknown kind of key": ("FETCH", [answer("s", "t", "r", None, "1", "[]", '[["x", null, ["a"], null]]', None)]),
    "a length that is too short": ("current_database()", [described(TEXT), b"D\0\0\0\x05\0\1\0\0\0\0"]),
    "a length below zero": ("current_database()", [described(TEXT), b"D\xff\xff\xff\xff"]),
    "a value longer than its message": ("current_database()", [described(TEXT), message(b"D", b"\0\1\0\0\xff\xffab")]),
    "an unknown message": ("current_database()", [message(b"?", b"what")]),
    "a row without columns": ("current_database()", [row("a", "b", "c"), DONE]),
    "an unknown message among rows": ("ev_type", [described(*[TEXT] * 5), row(*EDGE), message(b"?")]),
    "more than one result": ("ev_type", [answer(*EDGE), answer(*EDGE)]),
    "an encoding that does not exist": ("current_database()", [parameter("client_encoding", "NONE"), answer(None)]),
}


@pytest.mark.parametrize("lie", LIES)
async def test_an_answer_that_is_none(lie: str) -> None:
    """Each is a verdict on the server, and nothing else comes out of the driver."""
    word, pieces = LIES[lie]
    error = await verdict(partial(Says, word=word, says=lambda: pieces))
    assert error.code is ErrorCode.PROTOCOL_ERROR, (error, error.__cause__)


LOGINS = {
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "an unfinished list of mechanisms": message(b"R", b"\0\0\0\x0aSCRAM-SHA-256"),
    "a row": message(b"D", b"\0\0"),
    "an unknown message": WELCOME + message(b"?"),
}


@pytest.mark.parametrize("login", LOGINS)
async def test_a_login_that_is_none(login: str) -> None:
    """Whatever answers there, it is no PostgreSQL."""
    error = await verdict(partial(Says, login=lambda: [LOGINS[login]]))
    assert error.code is ErrorCode.PROTOCOL_ERROR, error


async def test_bytes_that_are_no_text() -> None:
    """A byte that is no UTF-8 is shown as what it is, and is no reason to fail."""
    with serving(partial(Says, word="current_database()", says=lambda: [answer(b"r\xffd", b"\xc3")])) as port:
        async with Postgres.connect(source(port)) as session:
            identity = await session.identity()
    assert (identity.user, identity.database) == ("r\ufffdd", "\ufffd")


async def test_an_error_of_bytes_that_are_no_text() -> None:
    """The server's own sentence, as far as it is one."""
    error = await verdict(partial(Says, word="current_database()", says=lambda: [refusal("caf\udce9")]))
    assert error.code is ErrorCode.QUERY_ERROR
    assert error.message == "caf\ufffd"


class Greedy(Script):
    """Has no TLS, and asks for the password in clear text."""

    listened: ClassVar[list[bytes]] = []

    def login(self) -> Iterable[bytes]:
        """Ask, and let in whoever answers."""
        yield CLEARTEXT
        self.listened.append(self.secret())
        yield from super().login()


async def test_no_password_in_clear_text() -> None:
    """Unless the source says so, a server that does without TLS does not get it; the verdict says what to change."""
    Greedy.listened.clear()
    with serving(Greedy) as port:
        with pytest.raises(CheckError) as caught:
            async with Postgres.connect(source(port)):
                pass
        assert (caught.value.code, Greedy.listened) == (ErrorCode.AUTHENTICATION_FAILED, [])
        assert "allow_cleartext_password" in caught.value.message
        with pytest.raises(CheckError) as caught:
            async with Postgres.connect(source(port, sslmode="require")):
                pass
        assert (caught.value.code, Greedy.listened) == (ErrorCode.TLS_ERROR, [])
        async with Postgres.connect(source(port, allow_cleartext_password=True)) as session:
            await session.identity()
    assert Greedy.listened == [PASSWORD.encode() + b"\0"]


async def test_a_password_in_clear_text_within_tls(debian: Server) -> None:
    """A server that asks for it in clear text gets it within TLS, also under `prefer`."""
    with debian.asking_in_clear():
        async with Postgres.connect(debian.source()) as session:
            assert (await session.identity()).tls
        with pytest.raises(CheckError) as caught:
            async with Postgres.connect(debian.source(password="wrong")):
                pass
    assert (caught.value.code, caught.value.details.get("cleartext")) == (ErrorCode.AUTHENTICATION_FAILED, None)


@pytest.mark.parametrize("sslmode", ["require", "verify-full"])
async def test_a_root_certificate_that_is_none(debian: Server, sslmode: str) -> None:
    """The message speaks of the option, not of the file that we make of it."""
    with pytest.raises(CheckError) as caught:
        async with Postgres.connect(debian.source(host="localhost", sslmode=sslmode, rootcert="garbage")):
            pass
    assert caught.value.code is ErrorCode.TLS_ERROR
    assert "rootcert" in caught.value.message
    assert gettempdir() not in caught.value.message
