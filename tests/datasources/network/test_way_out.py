"""Ways out for drivers that dial for themselves: they lead to the source, and nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from datasources.network import way_out
from datasources.network.progress import Progress
from datasources.network.way_out import Outlet, Relay, open_local_relay, open_outlet, open_relay

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[int]:
    """A server on the loopback."""
    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers what it reads."""
    while data := await reader.read(1000):
        writer.write(data)
    writer.close()


async def say(outlet: Outlet, head: str) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    """What the outlet answers to this."""
    port = httpx.URL(outlet.url).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode())
    return await reader.readline(), reader, writer


def connect(outlet: Outlet, place: str) -> str:
    """What a driver says that was told to use the outlet."""
    url = httpx.URL(outlet.url)
    proof = httpx.BasicAuth(url.username, url.password)
    request = next(proof.auth_flow(httpx.Request("GET", "http://x")))
    return f"CONNECT {place} HTTP/1.1\r\nProxy-Authorization: {request.headers['Authorization']}\r\n\r\n"


async def test_an_outlet_leads_to_the_source() -> None:
    """Bytes go both ways, and the stages of the connection are counted."""
    async with server(echo) as port:
        progress = Progress(5)
        async with open_outlet([("localhost", port)], progress) as outlet:
            status, reader, writer = await say(outlet, connect(outlet, f"LOCALHOST:{port}"))
            assert status.startswith(b"HTTP/1.1 200")
            await reader.readline()
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            assert {*progress.stages_ms} == {"resolve", "tcp"}
            assert outlet.failure is None


async def test_an_outlet_leads_nowhere_else() -> None:
    """Another host, another port, a name of a metadata service, a plain request: each is refused, and told."""
    async with server(echo) as port, server(echo) as other:
        for place in (
            f"127.0.0.1:{other}",
            f"elsewhere.invalid:{port}",
            "169.254.169.254:80",
            f"127.0.0.1:{port}x",
            "",
        ):
            async with open_outlet([("127.0.0.1", port)], Progress(5)) as outlet:
                status, *_ = await say(outlet, connect(outlet, place))
                assert status.startswith(b"HTTP/1.1 403"), place
                await outlet.failed.wait()
                assert outlet.failure is not None
                assert outlet.failure.code is ErrorCode.DESTINATION_FORBIDDEN


async def test_an_outlet_is_for_one_process() -> None:
    """Without what its address holds, it leads nowhere; and that is no failure of the driver's."""
    async with server(echo) as port, open_outlet([("127.0.0.1", port)], Progress(5)) as outlet:
        for head in (
            f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n",
            f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nProxy-Authorization: Basic eDp5\r\n\r\n",
        ):
            status, *_ = await say(outlet, head)
            assert status.startswith(b"HTTP/1.1 407")
        assert outlet.failure is None


async def test_the_policy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that the operator forbids is refused, whatever the driver makes of the name."""
    monkeypatch.setenv("SOURCECHECK_ALLOW_PRIVATE_NETWORKS", "false")
    async with server(echo) as port, open_outlet([("localhost", port)], Progress(5)) as outlet:
        status, *_ = await say(outlet, connect(outlet, f"localhost:{port}"))
        assert status.startswith(b"HTTP/1.1 502")
        await outlet.failed.wait()
        assert outlet.failure is not None
        assert outlet.failure.code is ErrorCode.DESTINATION_FORBIDDEN


async def test_a_flood_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server may send on one session has an end; what a driver sends is not counted."""
    monkeypatch.setattr(way_out, "MOST_BYTES", 100_000)

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"x" * 10_000)
            await writer.drain()

    async with server(flood) as port:
        relay = Relay(["127.0.0.1"], port, context=None, name="x", progress=Progress(5))
        async with open_relay(relay) as path:
            reader, _ = await asyncio.open_unix_connection(path)
            received = len(await reader.read(-1))
            await relay.failed.wait()
    assert received <= 100_000 + way_out.CHUNK
    assert relay.failure is not None
    assert relay.failure.code is ErrorCode.PROTOCOL_ERROR


async def test_shutting_ends_what_is_waited_for() -> None:
    """A driver that waits for a silent server reads the end of its connection at once."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    async with server(silent) as port:
        relay = Relay(["127.0.0.1"], port, context=None, name="x", progress=Progress(5))
        async with open_relay(relay) as path:
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"question")
            await asyncio.sleep(0.1)
            relay.shut()
            async with asyncio.timeout(5):
                assert await reader.read(-1) == b""
    assert relay.failure is None


async def test_nobody_listens() -> None:
    """The failure is ours, typed, and not the driver's words."""
    async with server(echo) as port:
        pass
    relay = Relay(["127.0.0.1"], port, context=None, name="x", progress=Progress(5))
    async with open_relay(relay) as path:
        reader, _ = await asyncio.open_unix_connection(path)
        await reader.read(-1)
        await relay.failed.wait()
    assert isinstance(relay.failure, CheckError)
    assert (relay.failure.code, relay.failure.details) == (ErrorCode.CONNECTION_ERROR, {"stage": "tcp"})


async def test_a_port_is_for_one_connection() -> None:
    """The driver's; what comes later is refused, and the one that is there goes on."""
    async with server(echo) as port:
        relay = Relay(["127.0.0.1"], port, context=None, name="x", progress=Progress(5))
        async with open_local_relay(relay) as near:
            reader, writer = await asyncio.open_connection("127.0.0.1", near)
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            with pytest.raises(ConnectionError):
                await asyncio.open_connection("127.0.0.1", near)
            writer.write(b"again")
            assert await reader.readexactly(5) == b"again"
        assert await reader.read(-1) == b""


async def test_a_port_counts_its_connections() -> None:
    """As many as the driver opens for one login, and no more."""
    async with server(echo) as port:
        relay = Relay(["127.0.0.1"], port, context=None, name="x", progress=Progress(5))
        async with open_local_relay(relay, connections=2) as near:
            for _ in range(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", near)
                writer.write(b"hello")
                assert await reader.readexactly(5) == b"hello"
            with pytest.raises(ConnectionError):
                await asyncio.open_connection("127.0.0.1", near)


async def test_an_answer_has_its_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrives is counted from the last question."""
    monkeypatch.setattr(way_out, "UNREAD_BYTES", 0)
    async with server(echo) as port:
        relay = Relay(["127.0.0.1"], port, context=None, name="x", progress=Progress(5))
        async with open_local_relay(relay) as near:
            reader, writer = await asyncio.open_connection("127.0.0.1", near)
            for _ in range(3):
                relay.begin(way_out.MEGABYTE)
                writer.write(b"x" * 1_000_000)
                await reader.readexactly(1_000_000)
            writer.write(b"x" * 1_000_000)
            await relay.failed.wait()
    assert relay.flooded == way_out.MEGABYTE
    assert relay.failure is not None
    assert str(relay.failure) == "The server sent more than 1 MB"
