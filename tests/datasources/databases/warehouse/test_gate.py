"""The proxy for drivers that connect by themselves."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator

import pytest

from datasources.databases.trino.model import TrinoOptions, TrinoSource
from datasources.databases.warehouse.gate import USER, Gate, gate_for
from datasources.model.vocabulary import ErrorCode


def source_at(port: int) -> TrinoSource:
    return TrinoSource(name="x", options=TrinoOptions(host="127.0.0.1", port=port, user="u", dbname="d"))


@contextlib.asynccontextmanager
async def echoing() -> AsyncIterator[int]:
    """A server that sends back what it is sent, and a megabyte for the word `flood`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1000):
                writer.write(b"x" * 2**20 if data == b"flood" else data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def through(
    gate: Gate, target: str, password: str | None = None
) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    """What the gate says first, and the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
    login = base64.b64encode(f"{USER}:{password or gate.password}".encode()).decode()
    writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: Basic {login}\r\n\r\n".encode())
    return (await reader.readline()), reader, writer


async def test_the_sources_own_host() -> None:
    """It is reached, both ways; when the session ends, so does the connection."""
    async with echoing() as port, gate_for(source_at(port), lambda _: False) as gate:
        said, reader, writer = await through(gate, f"127.0.0.1:{port}")
        assert b" 200 " in said
        await reader.readline()
        writer.write(b"hello")
        assert await reader.read(5) == b"hello"
        gate.shut()
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()


async def test_other_hosts() -> None:
    """Only those that the product is known to use, and only at addresses that the policy allows (security row 1)."""
    async with echoing() as port, gate_for(source_at(1), lambda host: host == "169.254.169.254") as gate:
        for target in (f"127.0.0.1:{port}", "169.254.169.254:80"):
            said, _, writer = await through(gate, target)
            writer.close()
            assert b" 403 " in said
            assert gate.refusal is not None
            assert gate.refusal.code is ErrorCode.DESTINATION_FORBIDDEN


async def test_other_processes() -> None:
    """They do not know the password."""
    async with echoing() as port, gate_for(source_at(port), lambda _: False) as gate:
        said, _, writer = await through(gate, f"127.0.0.1:{port}", "wrong")
        writer.close()
        assert b" 407 " in said


async def test_a_flood_is_cut() -> None:
    """What the server sends is counted (security row 16)."""
    async with echoing() as port, gate_for(source_at(port), lambda _: False) as gate:
        gate.begin(1000)
        _, reader, writer = await through(gate, f"127.0.0.1:{port}")
        await reader.readline()
        writer.write(b"flood")
        with contextlib.suppress(ConnectionError):
            assert len(await reader.read()) <= 1000
        writer.close()
        assert gate.flood is not None


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n", b"CONNECT x\r\n\r\n"])
async def test_what_is_no_request(said: bytes) -> None:
    """It is hung up on."""
    async with gate_for(source_at(1), lambda _: False) as gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
        writer.write(said)
        writer.write_eof()
        with contextlib.suppress(ConnectionError):
            assert b" 200 " not in await reader.read()
        writer.close()
