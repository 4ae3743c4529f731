"""A client that never finishes its headers is hung up on; one that only waits between requests is not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import uvicorn

from deployments.serve import slow_clients
from deployments.serve.slow_clients import ImpatientHttp

WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with nothing, after longer than the headers may take."""
    await asyncio.sleep(0.6)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest_asyncio.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """A server that waits for a quarter of a second."""
    monkeypatch.setattr(slow_clients, "HEADER_SECONDS", 0.25)
    config = uvicorn.Config(app, port=0, lifespan="off", http=ImpatientHttp, timeout_keep_alive=60, log_level="error")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


@pytest.mark.parametrize("begun", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", WHOLE[:-2] + b"X-Slow: "])
async def test_headers_that_never_end(port: int, begun: bytes) -> None:
    """The server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begun)
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    writer.close()


async def test_an_answer_that_takes_longer(port: int) -> None:
    """The time for headers is no limit of the answer, nor of the rest between two requests; the second counts anew."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(30):
        for _ in range(2):
            writer.write(WHOLE)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
            await asyncio.sleep(0.5)
        writer.write(WHOLE[:10])
        assert await reader.read() == b""
    writer.close()
