"""Ways out for drivers that dial for themselves: they lead to the source, and nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from datasources.network import way_out
from datasources.network.progress import Progress
from datasources.network.way_out import Relay, open_local_relay, open_relay

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
