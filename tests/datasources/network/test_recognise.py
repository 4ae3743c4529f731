"""What speaks at a port that is another service's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from datasources.databases.clickhouse import Clickhouse
from datasources.databases.clickhouse.model import ClickhouseOptions, ClickhouseSource
from datasources.databases.mysql import Mysql
from datasources.databases.mysql.model import MysqlOptions, MysqlSource
from datasources.databases.postgres import Postgres
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.recognise import first_bytes, recognise
from tests.fixtures.servers.database import Server


@pytest.mark.parametrize(
    ("first", "what"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "SSH"),
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP"),
        (b"HTTP/1.0 200 OK\r\n\r\nIt looks like you are trying to access MongoDB over HTTP", "MongoDB"),
        (b"220 mail.example ESMTP Postfix\r\n", "SMTP"),
        (b"220 (vsFTPd 3.0.3)\r\n", "FTP"),
        (b"-ERR wrong number of arguments for 'get' command\r\n", "Redis"),
        (b"\x4a\x00\x00\x00\x0a8.0.36\x00", "MySQL"),
        (b"\x45\x00\x00\x00\xffj\x04Host '10.0.0.1' is not allowed", "MySQL"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "TLS"),
        (b"N", None),
        (b"E\x00\x00\x00\x84SFATAL\x00", None),
        (b"", None),
        (b"hello", None),
    ],
)
def test_first_bytes_tell(first: bytes, what: str | None) -> None:
    """By how each protocol begins; PostgreSQL's own answers are none of them."""
    assert recognise(first) == what


@asynccontextmanager
async def speaking(greeting: bytes, answer: bytes = b"") -> AsyncIterator[int]:
    """A port that greets, or answers what it is sent, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        if answer:
            await reader.read(100)
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("greeting", "answer", "what"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", b"", "SSH"),
        (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
        (b"220 mail.example ESMTP\r\n", b"", "SMTP"),
        (b"\x4a\x00\x00\x00\x0a8.0.36\x00", b"", "MySQL"),
    ],
)
@pytest.mark.parametrize("sslmode", ["prefer", "require"])
async def test_a_source_at_another_services_port(
    embedded: Server, greeting: bytes, answer: bytes, what: str, sslmode: str
) -> None:
    """The failure says what speaks there instead."""
    async with speaking(greeting, answer) as port:
        with pytest.raises(SourceUnreachable) as caught:
            async with Postgres.connect(embedded.source(port=port, sslmode=sslmode)):
                pass
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR
    assert f"speaks {what}, not PostgreSQL" in caught.value.message
    assert caught.value.details["speaks"] == what


async def test_mysql_at_a_port_of_postgresql(embedded: Server) -> None:
    """Both wait for the other to speak: the failure says what is there, and does not take the whole limit to say so."""
    options = MysqlOptions(host="127.0.0.1", port=embedded.port, user="reader", db="shop")
    with pytest.raises(SourceUnreachable) as caught:
        async with Mysql.connect(MysqlSource(name="confused", connection_timeout=6, options=options)):
            pass
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR
    assert "speaks PostgreSQL, not MySQL" in caught.value.message
    assert caught.value.details["speaks"] == "PostgreSQL"


async def test_clickhouse_at_a_port_of_postgresql(embedded: Server) -> None:
    """PostgreSQL hangs up when it is asked as HTTP asks: it is asked in its own way as well."""
    options = ClickhouseOptions(
        host="127.0.0.1", port=embedded.port, user="reader", database="shop", tls="off", allow_cleartext_password=True
    )
    with pytest.raises(SourceUnreachable) as caught:
        async with Clickhouse.connect(ClickhouseSource(name="confused", connection_timeout=10, options=options)):
            pass
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR
    assert "speaks PostgreSQL, not ClickHouse" in caught.value.message


async def test_mysql_at_a_port_of_http() -> None:
    """A server of HTTP waits to be asked as well."""
    async with speaking(b"", b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        options = MysqlOptions(host="127.0.0.1", port=port, user="reader", db="shop")
        with pytest.raises(SourceUnreachable) as caught:
            async with Mysql.connect(MysqlSource(name="confused", connection_timeout=6, options=options)):
                pass
    assert caught.value.details["speaks"] == "HTTP"


async def test_a_server_that_has_no_process_for_us(embedded: Server) -> None:
    """PostgreSQL's answer to the question for TLS is then an error, which says nothing of TLS."""
    async with speaking(b"", b"E\0\0\0\x10SFATAL\0\0") as port:
        with pytest.raises(SourceUnreachable) as caught:
            async with Postgres.connect(embedded.source(port=port)):
                pass
    assert caught.value.code is ErrorCode.CONNECTION_ERROR


async def test_a_port_that_hangs_up() -> None:
    """It says nothing, which is another thing than silence."""
    async with speaking(b"") as port:
        assert await first_bytes(["127.0.0.1"], port, 5) == b""
