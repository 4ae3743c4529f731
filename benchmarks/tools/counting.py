"""A reverse proxy in front of Prefect's server that counts requests, and knows which process sent them."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

import psutil
from msgspec import Struct

HEAD = b"\r\n\r\n"
CHUNK = 64 * 1024
STARTING = "starting"
"""Who sends what is sent before it is known whose the process is."""
POOL = re.compile(r"(?<=/work_pools/)[^/]+")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Request(Struct, frozen=True):
    """A kind of request: who sent it, and what it asked for."""

    who: str
    what: str
    """Method and path, with ids left out; a message over a websocket counts as one of `MSG`."""


class CountingProxy:
    """Listens on the loopback, passes every byte on, and counts."""

    def __init__(self, target: str, name_of: Callable[[int], str]) -> None:
        """`target` is the server's address; `name_of` says who a process is."""
        address = urlsplit(target)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self._path = address.path
        self._name_of = name_of
        self._server: asyncio.Server | None = None
        self.seen: Counter[Request] = Counter()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=16 * 2**20)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()

    @property
    def url(self) -> str:
        """Where clients find Prefect's API through us."""
        assert self._server is not None  # noqa: S101
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self._path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pid = pid_behind(writer.get_extra_info("peername")[1])
        try:
            there_reader, there_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.close()
            return
        back = asyncio.create_task(_pump(there_reader, writer))
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._requests(pid, reader, there_writer)
        there_writer.close()
        with suppress(OSError):
            await back

    async def _requests(self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        who = STARTING
        while True:
            head = await reader.readuntil(HEAD)
            writer.write(head)
            who = self._name_of(pid) if who == STARTING else who
            first, *lines = head.decode("latin-1").strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            method, path, _ = first.split(" ", 2)
            what = POOL.sub("{pool}", UUID.sub("{id}", urlsplit(path).path.removeprefix(self._path)))
            websocket = headers.get("upgrade", "").lower() == "websocket"
            self.seen[Request(who, f"{'WS' if websocket else method} {what}")] += 1
            if websocket:
                await self._frames(Request(who, f"MSG {what}"), reader, writer)
            await _body(headers, reader, writer)
            await writer.drain()

    async def _frames(self, message: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Count the client's messages until it hangs up."""
        while True:
            head = await reader.readexactly(2)
            size = head[1] & 127
            if size > 125:
                head += (longer := await reader.readexactly(2 if size == 126 else 8))
                size = int.from_bytes(longer)
            if head[0] & 15 in (1, 2):
                self.seen[message] += 1
            writer.write(head + await reader.readexactly(size + 4))
            await writer.drain()


async def _body(headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.readexactly(int(headers.get("content-length", 0))))
    chunked = "chunked" in headers.get("transfer-encoding", "")
    while chunked:
        line = await reader.readuntil(b"\r\n")
        writer.write(line + await reader.readexactly(int(line, 16) + 2))
        chunked = int(line, 16) > 0


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while heard := await reader.read(CHUNK):
            writer.write(heard)
            await writer.drain()
    writer.close()


def pid_behind(port: int) -> int:
    """The process at the other end of a loopback connection from this port; 0 when it is gone."""
    for connection in psutil.net_connections("tcp4"):
        if connection.laddr and connection.laddr.port == port and connection.pid:
            return connection.pid
    return 0
