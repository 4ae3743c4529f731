"""A proxy of our own for drivers that open connections themselves: every host is judged, counted, and cut when we say.

The driver is told of no other way out. TLS is between the driver and the server: the gate sees names and lengths only.
"""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from datasources.databases.flood import CONNECTION_BYTES, Flood
from datasources.databases.opening import addresses_of
from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.settings import Settings
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode
from datasources.network.addresses import Policy, resolve
from datasources.network.dial import dial
from datasources.network.progress import Progress

HEAD_BYTES = 65536
PIECE = 65536
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
USER = "sourcecheck"
DIAL_SECONDS = 30.0


class Gate:
    """One proxy for one source, while its session lasts."""

    def __init__(self, source: Source, is_expected: Callable[[str], bool]) -> None:
        """`is_expected`: whether a host beside the source's own may be asked for."""
        self._source = source
        self._is_expected = is_expected
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.password = secrets.token_hex(16)
        """Without it, another process of this machine gets nowhere."""
        self.progress = Progress(DIAL_SECONDS)
        self.refusal: CheckError | None = None
        """Why the last connection was not made: it says more than what the driver makes of it."""
        self.flood: Flood | None = None
        self.address = ""
        self.received = 0
        self.most = CONNECTION_BYTES
        self.loop = asyncio.get_running_loop()
        self.port = 0

    def shut(self) -> None:
        """Cut every connection; may be called from any thread."""
        self.loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def begin(self, most: int) -> None:
        """What arrives from now on is another answer."""
        self.received, self.most = 0, most

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the driver's."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- for the type checker
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self._serve(reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        except asyncio.CancelledError:  # by `close`, which waits for it; asyncio would log it as an error
            pass
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, url, *_ = head.split(b"\r\n", 1)[0].decode().split(" ")
        if not self._is_ours(head):
            writer.write(b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n')
            return
        parts = urlsplit(f"//{url}" if method == "CONNECT" else url)
        host, port = parts.hostname or "", parts.port or (443 if method == "CONNECT" else 80)
        far = await self._dialled(host, port)
        if far is None:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        far_reader, far_writer = far
        self._writers.add(far_writer)
        try:
            if method == "CONNECT":
                writer.write(ESTABLISHED)
            else:
                far_writer.write(_in_origin_form(head, parts.path or "/", parts.query))
            await self._pump(reader, writer, far_reader, far_writer)
        finally:
            self._writers.discard(far_writer)
            far_writer.transport.abort()

    def _is_ours(self, head: bytes) -> bool:
        """Whether the driver asks, which knows the password."""
        login = base64.b64encode(f"{USER}:{self.password}".encode())
        fields = [field.partition(b":")[::2] for field in head.split(b"\r\n")[1:]]
        given = [value.split()[-1:] for name, value in fields if name.lower() == b"proxy-authorization"]
        return given == [[login]]

    async def _dialled(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection to an address of this host that the policy allows; None with the reason in `refusal`."""
        try:
            self.progress.reached("resolve")
            addresses, near = await self._place_of(host, port)
            self.progress.reached("tcp")
            sock, address = await dial(addresses, near, Progress(max(1.0, self.progress.left)))
        except CheckError as error:
            self.refusal = error
            return None
        except OSError as error:
            message = error.strerror or type(error).__name__
            self.refusal = SourceUnreachable(ErrorCode.CONNECTION_ERROR, message, {"stage": "tcp"})
            return None
        self.address = self.address or address
        self.progress.reached("login")
        return await asyncio.open_connection(sock=sock, limit=HEAD_BYTES)

    async def _place_of(self, host: str, port: int) -> tuple[list[str], int]:
        if self._source.options.target == (host, port):
            return await addresses_of(self._source)
        if not self._is_expected(host):
            message = f"The server sends the driver to {host}, which is no host of this product"
            raise SourceUnreachable(ErrorCode.DESTINATION_FORBIDDEN, message, {"stage": "resolve"})
        return await resolve(host, port, Policy.from_settings(Settings.load())), port

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        """Both ways, until one of them ends; what the server sends is counted."""

        async def up() -> None:
            while data := await reader.read(PIECE):
                far_writer.write(data)
                await far_writer.drain()

        async def down() -> None:
            while data := await far_reader.read(PIECE):
                self.received += len(data)
                if self.received > self.most:
                    self.flood = Flood(self.received, self.most)
                    self._cut()
                    return
                writer.write(data)
                await writer.drain()
            writer.write_eof()

        ways = [asyncio.ensure_future(up()), asyncio.ensure_future(down())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def close(self) -> None:
        """End what is left."""
        self._cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _in_origin_form(head: bytes, path: str, query: str) -> bytes:
    """A request without TLS as its server wants it: one on this connection, and without our own credential."""
    first, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, _, version = first.split(b" ")
    target = (path + (f"?{query}" if query else "")).encode()
    kept = [field for field in fields if not field.lower().startswith((b"proxy-", b"connection:"))]
    return b"\r\n".join([b" ".join([method, target, version]), *kept, b"Connection: close"]) + b"\r\n\r\n"


@asynccontextmanager
async def gate_for(source: Source, is_expected: Callable[[str], bool]) -> AsyncIterator[Gate]:
    """A gate that listens on the loopback."""
    gate = Gate(source, is_expected)
    server = await asyncio.start_server(gate.serve, "127.0.0.1", 0, limit=HEAD_BYTES)
    gate.port = server.sockets[0].getsockname()[1]
    try:
        yield gate
    finally:
        server.close()
        with suppress(Exception):
            await gate.close()
