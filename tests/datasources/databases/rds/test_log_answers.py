"""What a service answers that is no page of a log: it costs the log alone."""

import asyncio

import pytest

from datasources.databases.aws.service import Service
from datasources.databases.aws.signing import AccessKey
from datasources.databases.rds.cloudwatch import TARGET, Place, logged
from datasources.databases.rds.model import RdsOptions, RdsSource

SOURCE = RdsSource(
    name="log", connection_timeout=5, query_timeout=20, options=RdsOptions(host="127.0.0.1", user="u", dbname="shop")
)


@pytest.mark.parametrize(
    "body",
    ["", "[]", "null", '{"events": 5}', '{"events": [5]}', '{"events": [null]}', '{"events": {"message": "x"}}',
     '{"events": [{"message": 5}]}', '{"events": [], "nextToken": ["x"]}'],
)  # fmt: skip
async def test_answers_that_are_none(body: str) -> None:
    """The reason is told in place of statements, and nothing else fails for it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        service = Service("logs", TARGET, "us-east-1", "127.0.0.1", server.sockets[0].getsockname()[1], tls=False)
        past = await logged(SOURCE, Place("group", service, AccessKey("AKIA", "secret")), "shop")
    assert "breaks the protocol" in (past.missing or "")
    assert (past.texts, past.kept) == ((), True)
