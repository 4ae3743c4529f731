"""The way of one login: connections that we have dialled, in an event loop and a thread of the driver's own.

The driver resolves names itself, follows a listener to wherever it redirects, and takes what it reads at its word; it
is told neither of a socket nor of a proxy. But it asks its event loop for each connection and for TLS: this loop gives
it those that the policy has let pass, and a server that keeps it busy keeps busy no thread but this one.
"""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from datasources.databases.flood import CONNECTION_BYTES, LOGIN_BYTES, Flood
from datasources.databases.oracle.frames import Frames
from datasources.databases.oracle.names import require_name
from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.settings import Settings
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode
from datasources.network.addresses import Policy, resolve
from datasources.network.dial import dial
from datasources.network.progress import Progress

T = TypeVar("T")

REDIRECTS = 4
"""Connections of one login: a listener may redirect, and where it leads once more."""
BEHIND_A_TUNNEL = (
    "The listener redirects to {host}, port {port}, which the SSH tunnel does not lead to: name that host and port in "
    "the source"
)


class Line:
    """Where a login leads, and what goes over it."""

    def __init__(self, source: Source, addresses: list[str], port: int, progress: Progress) -> None:
        """`addresses` and `port`: what has been checked, for the first connection."""
        self._source = source
        self._next: tuple[list[str], int] | None = (addresses, port)
        self._progress = progress
        self._connections = 0
        self._current: _Watched | None = None
        self._received, self._most, self._total = 0, LOGIN_BYTES, 0
        self.context: ssl.SSLContext | None = None
        """What TLS is verified by; None without TLS."""
        self.wanted_name: str | None = None
        self.address = ""
        self.tls_version: str | None = None
        self.failure: CheckError | Flood | None = None
        """Why the way ended, if it is for a reason of ours: what the driver says of that is no evidence."""
        self.loop = _Loop(self)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    async def call(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What this coroutine returns or raises, run in the driver's loop; cancelling this cancels it."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(make(), self.loop))

    def begin(self, most: int) -> None:
        """What arrives from now on is another answer, of `most` bytes."""
        self._received, self._most = 0, most

    def end(self) -> None:
        """Cut the connection and stop the loop; never waits."""
        with suppress(RuntimeError):  # it is closed already
            self.loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        if self._current is not None:
            self._current.cut()
        self.loop.stop()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(tasks, timeout=1) if tasks else asyncio.sleep(0))
        finally:
            self.loop.close()

    def watch(self, driver: asyncio.Protocol) -> "_Watched":
        """The driver's end of a new connection, or of TLS on the present one; earlier data is no longer delivered."""
        self._current = _Watched(self, driver)
        return self._current

    def count(self, received: int) -> None:
        """Note what has arrived. Raises `Flood`."""
        self._received += received
        self._total += received
        for count, most in ((self._received, self._most), (self._total, CONNECTION_BYTES)):
            if count > most:
                raise Flood(count, most)

    def fail(self, error: CheckError | Flood) -> None:
        """The first reason counts."""
        self.failure = self.failure or error

    async def socket(self, host: str, port: int) -> Any:
        """A socket to the source, or else to where its listener redirects. Raises `SourceUnreachable`."""
        try:
            if self._current is not None:
                self._current.cut()
            self._connections += 1
            addresses, port = self._next or await self._redirected(host, port)
            self._next = None
            self._progress.reached("tcp")
            sock, self.address = await dial(addresses, port, self._progress)
        except CheckError as error:
            self.fail(error)
            raise
        except OSError as error:
            raise self._refused(error, "tcp") from error
        self._progress.reached("login")
        return sock

    async def _redirected(self, host: str, port: int) -> tuple[list[str], int]:
        if self._source.via is not None:
            message = BEHIND_A_TUNNEL.format(host=host, port=port)
            raise SourceUnreachable(ErrorCode.CONNECTION_ERROR, message, {"stage": "redirect"})
        if self._connections > REDIRECTS:
            message = "The listener redirects again and again"
            raise SourceUnreachable(ErrorCode.PROTOCOL_ERROR, message, {"stage": "redirect"})
        self._progress.reached("resolve")
        return await resolve(host, port, Policy.from_settings(Settings.load())), port

    async def secured(self, begin: Awaitable[Any]) -> Any:
        """The connection once TLS has begun on it, with the source's server. Raises `SourceUnreachable`."""
        self._progress.reached("tls")
        target = self._source.options.target
        assert target is not None  # noqa: S101 -- of servers only
        try:
            transport = await begin
            secured = transport.get_extra_info("ssl_object")
            require_name(secured.getpeercert(binary_form=True), target[0], self.wanted_name)
        except CheckError as error:
            self.fail(error)
            raise
        except OSError as error:
            raise self._refused(error, "tls") from error
        self.tls_version = secured.version()
        self._progress.reached("login")
        return transport

    def _refused(self, error: OSError, stage: str) -> SourceUnreachable:
        code, message = ErrorCode.CONNECTION_ERROR, error.strerror or str(error) or "The connection failed"
        if isinstance(error, ssl.SSLError):
            reason = getattr(error, "verify_message", None) or error.reason or str(error)
            code, message = ErrorCode.TLS_ERROR, f"TLS failed: {reason}"
        elif isinstance(error, TimeoutError):
            code = ErrorCode.TIMEOUT
            message = f"No answer within {self._progress.limit:.3g} s (stage: {stage})"
        elif stage == "tls":
            message = "The server ended the connection when TLS began: does it speak TLS (TCPS) at this port?"
        found = SourceUnreachable(code, message, {"stage": stage})
        self.fail(found)
        return found


class _Loop(asyncio.SelectorEventLoop):
    """What the driver asks for its connections."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    async def create_connection(  # type: ignore[override]  # the driver asks with these alone
        self, protocol_factory: Callable[[], Any], host: str, port: int, **_: Any
    ) -> tuple[Any, Any]:
        sock = await self._line.socket(host, port)
        return await super().create_connection(lambda: self._line.watch(protocol_factory()), sock=sock)

    async def start_tls(  # with a context of ours, whatever the driver makes of it
        self, transport: Any, protocol: Any, *_: Any, **__: Any
    ) -> Any:
        context = self._line.context
        assert context is not None  # noqa: S101 -- the driver is told of TLS only where there is one
        return await self._line.secured(super().start_tls(transport, self._line.watch(protocol), context))


class _Watched(asyncio.Protocol):
    """The driver's protocol, which hears of whole packets only, and no more of them than it may."""

    def __init__(self, line: Line, driver: asyncio.Protocol) -> None:
        self._line = line
        self._driver: asyncio.Protocol | None = driver
        self._frames = Frames()
        self._transport: Any = None

    def cut(self) -> None:
        """Nothing more is heard of this connection."""
        self._driver = None
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._line.count(len(data))
            packets = self._frames.whole(data)
        except Flood as error:
            self._end(error)
        except ValueError:
            message = "The answer is not a packet of Oracle's protocol"
            self._end(SourceUnreachable(ErrorCode.PROTOCOL_ERROR, message, {"stage": "login"}))
        else:
            for packet in packets:
                if self._driver is not None:
                    self._driver.data_received(packet)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._driver is not None:
            self._driver.connection_lost(exc)

    def _end(self, error: CheckError | Flood) -> None:
        self._line.fail(error)
        driver = self._driver
        self.cut()
        if driver is not None:
            driver.connection_lost(None)
