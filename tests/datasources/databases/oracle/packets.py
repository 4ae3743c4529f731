"""Packets of Oracle's protocol, and servers that speak a few of them."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


def packet(kind: int, body: bytes = b"", width: int = 2) -> bytes:
    """A packet of the protocol."""
    return (8 + len(body)).to_bytes(width, "big") + bytes(4 - width) + bytes([kind, 0, 0, 0]) + body


async def packet_of(reader: asyncio.StreamReader, width: int = 2) -> bytes:
    """The next packet of the driver's."""
    head = await reader.readexactly(8)
    return head + await reader.readexactly(int.from_bytes(head[:width], "big") - 8)


@asynccontextmanager
async def listener(talk: Talk, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A port at which this is said to each connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
