"""Ways out for drivers that dial for themselves: they connect to us, and we to the address that was checked.

Such a driver resolves names again, follows redirects, or goes by the proxies of its environment, and keeps its own
idea of a limit. Given a way out it can do none of that: every connection ends at an address that the policy has let
pass (security rows 1 and 2), every byte is counted, and shutting the way ends whatever the driver waits for.
"""

import asyncio
import socket
import ssl
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.dial import dial
from datasources.network.progress import Progress

MEGABYTE = 2**20
MOST_BYTES = 512 * MEGABYTE
"""What a server may send in one session, as `datasources.databases.flood` has it for sockets of our own."""
UNREAD_BYTES = 8 * MEGABYTE
"""What the kernel may keep between us and a driver that reads slowly: it is counted, and not yet read."""
CHUNK = 65536
LOOPBACK = "127.0.0.1"

BROKEN = (OSError, EOFError, ValueError, asyncio.LimitOverrunError)
"""A connection that ends, and what is no request on one."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Agreement = Callable[[Streams, socket.socket], Awaitable[bool]]
"""Words of a protocol in which TLS begins later, between the driver and the server: whether TLS is what comes next, of
which they read no byte. Raises `CheckError`."""


class WayOut(ABC):
    """Connections of a driver, each joined to one of ours; all of them end together."""

    def __init__(self, progress: Progress) -> None:
        """`progress`: of the first connection; each that follows has as much time to be open."""
        self.failure: CheckError | None = None
        """Why the first connection failed that did: what the driver says of it is not evidence."""
        self.failed = asyncio.Event()
        self.address = ""
        """Where the first connection led."""
        self.tls_version: str | None = None
        self.look: Callable[[bytes], None] | None = None
        """Sees what the server sends before the driver does, where that believes too much. Raises `CheckError`."""
        self.flooded = 0
        """The limit in bytes that the server passed; 0 where it did not."""
        self._first: Progress | None = progress
        self._seconds = progress.limit
        self._received = 0
        self._since_begin = 0
        self._most = MOST_BYTES
        self._serving: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def _lead(self, near: Streams) -> Streams | None:
        """The far end for what has connected; None when it has been told no. Raises `CheckError`."""

    def begin(self, most: int) -> None:
        """What arrives from now on is another answer, which may have so many bytes."""
        self._since_begin, self._most = 0, most

    def shut(self) -> None:
        """End every connection at once."""
        for task in self._serving:
            task.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection of the driver until either side ends it."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- a server's callback is a task
        self._serving.add(task)
        far: Streams | None = None
        try:
            far = await self._lead((reader, writer))
            if far is not None:
                await self._join((reader, writer), far)
        except CheckError as error:
            self._fail(error)
        except (*BROKEN, asyncio.CancelledError):
            pass
        finally:
            self._serving.discard(task)
            for end in (writer, *(far[1:] if far else ())):
                end.transport.abort() if far is None or task.cancelling() else end.close()

    async def _join(self, near: Streams, far: Streams) -> None:
        ways = [
            asyncio.ensure_future(self._pass(near[0], far[1], counts=False)),
            asyncio.ensure_future(self._pass(far[0], near[1], counts=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            ended = await asyncio.gather(*ways, return_exceptions=True)
        for found in ended:
            if isinstance(found, CheckError):
                raise found

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool) -> None:
        while data := await reader.read(CHUNK):
            if counts:
                self._count(len(data))
                if self.look is not None:
                    self.look(data)
            writer.write(data)
            await writer.drain()

    def _count(self, received: int) -> None:
        """Raises `CheckError` for too many bytes of one answer, or of all."""
        self._received += received
        self._since_begin += received
        for count, limit in ((self._received, MOST_BYTES), (self._since_begin, self._most + UNREAD_BYTES)):
            if count > limit:
                self.flooded = min(limit, self._most)
                message = f"The server sent more than {self.flooded // MEGABYTE} MB"
                raise CheckError(ErrorCode.PROTOCOL_ERROR, message, {"stage": "read"})

    def _progress(self) -> Progress:
        progress, self._first = self._first, None
        return progress or Progress(self._seconds)

    async def _open(
        self,
        addresses: Sequence[str],
        port: int,
        progress: Progress,
        context: ssl.SSLContext | None,
        name: str,
        agree: Callable[[socket.socket], Awaitable[bool]] | None = None,
    ) -> Streams:
        """A connection to one of these addresses, with TLS for this name where there is a context, and it is agreed."""
        try:
            async with asyncio.timeout(progress.left):
                progress.reached("tcp")
                sock, address = await dial(addresses, port, progress)
                self.address = self.address or address
                if agree is not None:
                    progress.reached("tls")
                    context = context if await _agreed(sock, agree) else None
                if context is None:
                    far = await asyncio.open_connection(sock=sock)
                else:
                    progress.reached("tls")
                    far = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name)
        except TimeoutError as error:
            message = f"No answer within {progress.limit:.3g} s (stage: {progress.stage})"
            raise SourceUnreachable(ErrorCode.TIMEOUT, message, {"stage": progress.stage}) from error
        except OSError as error:
            raise _refused(error, progress.stage) from error
        progress.reached("login")
        secured: ssl.SSLObject | None = far[1].get_extra_info("ssl_object")
        self.tls_version = secured.version() if secured else self.tls_version
        return far

    def _fail(self, error: CheckError) -> None:
        self.failure = self.failure or error
        self.failed.set()


class Relay(WayOut):
    """The way to one server: a Unix socket that no other user can open, or a port of the loopback for the driver alone.

    Where there is a context, TLS is spoken here, not by the driver.
    """

    def __init__(
        self, addresses: Sequence[str], port: int, *, context: ssl.SSLContext | None, name: str, progress: Progress
    ) -> None:
        super().__init__(progress)
        self._addresses = addresses
        self._port = port
        self._context = context
        self._name = name
        self.agree: Agreement | None = None
        """For a protocol in which TLS does not come first."""

    async def _lead(self, near: Streams) -> Streams:
        agree = None if self.agree is None else partial(self.agree, near)
        return await self._open(self._addresses, self._port, self._progress(), self._context, self._name, agree)


@asynccontextmanager
async def open_relay(relay: Relay) -> AsyncIterator[str]:
    """The path of its socket, in a folder of its own; everything on it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="sourcecheck-") as folder:
        path = str(Path(folder) / "relay.sock")
        server = await asyncio.start_unix_server(relay.serve, path)
        try:
            yield path
        finally:
            relay.shut()
            server.close()


@asynccontextmanager
async def open_local_relay(relay: Relay, connections: int = 1) -> AsyncIterator[int]:
    """Its port on the loopback, for a driver that knows no Unix sockets; everything on it ends with the block.

    The port is closed when so many connections have been made: a driver that tries again is refused, and so is any
    other process of this machine. What comes before the driver finds a server that asks for a login.
    """
    left = connections

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            server.close()
        if left < 0:
            writer.transport.abort()
        else:
            await relay.serve(reader, writer)

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        relay.shut()
        server.close()


async def _agreed(sock: socket.socket, agree: Callable[[socket.socket], Awaitable[bool]]) -> bool:
    """What was agreed; the socket is closed when it was not."""
    try:
        return await agree(sock)
    except BaseException:
        sock.close()
        raise


def _refused(error: OSError, stage: str) -> SourceUnreachable:
    if isinstance(error, ssl.SSLError):
        message = getattr(error, "verify_message", None) or error.reason or str(error)
        return SourceUnreachable(ErrorCode.TLS_ERROR, f"TLS failed: {message}", {"stage": "tls"})
    if stage == "tls":
        message = "The server ended the connection when TLS began: does it speak TLS at this port?"
        return SourceUnreachable(ErrorCode.CONNECTION_ERROR, message, {"stage": "tls"})
    return SourceUnreachable(ErrorCode.CONNECTION_ERROR, error.strerror or str(error), {"stage": stage})
