"""A way out for drivers of HTTP: a proxy of ours that they are told to use, and that leads nowhere else."""

import asyncio
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from msgspec import Struct

from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.settings import Settings
from datasources.model.vocabulary import ErrorCode
from datasources.network.addresses import Policy, canonical, resolve
from datasources.network.progress import Progress
from datasources.network.way_out import LOOPBACK, Streams, WayOut

USER = "sourcecheck"
HTTP_PORT = 80
WEB_PORTS = frozenset({443, HTTP_PORT})
Place = tuple[str, int]
"""A host and a port."""
Addresses = tuple[list[str], int]


class Hosts(Struct, frozen=True):
    """Which hosts a driver may ask for: one rule for every driver, judged by the name before it is resolved."""

    places: frozenset[Place]
    """Hosts of the source at their ports."""
    endings: tuple[str, ...] = ()
    """What names of other hosts of the product end with, each beginning with a dot; at the ports of the web alone."""

    def allow(self, host: str, port: int) -> bool:
        """Whether a connection may be asked for there."""
        if (host, port) in {(canonical(name), at) for name, at in self.places}:
            return True
        return port in WEB_PORTS and host.endswith(self.endings)


async def resolved(host: str, port: int) -> Addresses:
    """The addresses of a host that the policy lets pass. Raises `SourceUnreachable`."""
    return await resolve(host, port, Policy.from_settings(Settings.load())), port


class Outlet(WayOut):
    """The way to a few servers."""

    def __init__(
        self,
        hosts: Hosts,
        progress: Progress,
        *,
        place_of: Callable[[str, int], Awaitable[Addresses]] = resolved,
        plain: bool = False,
    ) -> None:
        """`place_of`: where a host is, which may be the near end of a tunnel; `plain`: requests without TLS as well."""
        super().__init__(progress)
        self._hosts = hosts
        self._place_of = place_of
        self._plain = plain
        self._resolved: dict[Place, Addresses] = {}
        self.port = 0
        """Where it listens, on the loopback."""
        self.password = secrets.token_hex(16)
        """What lets this process in and no other, with `USER`."""

    @property
    def url(self) -> str:
        """Where the driver finds it."""
        return f"http://{USER}:{self.password}@{LOOPBACK}:{self.port}"

    async def _lead(self, near: Streams) -> Streams | None:
        reader, writer = near
        async with asyncio.timeout(self._seconds):
            head = await reader.readuntil(b"\r\n\r\n")
        method, target, *_ = [*head.split(b"\r\n", 1)[0].decode("latin-1").split(" "), "", ""]
        if not self._is_ours(head):
            await _say(writer, "407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="sourcecheck"')
            return None
        tunnels = method == "CONNECT"
        place, path = _asked(f"//{target}" if tunnels else target)
        if not (tunnels or self._plain) or not self._hosts.allow(*place):
            message = f"The driver was sent to {place[0] or target}, which is not an address of this source"
            self._fail(SourceUnreachable(ErrorCode.DESTINATION_FORBIDDEN, message, {"stage": "redirect"}))
            await _say(writer, "403 Forbidden")
            return None
        try:
            far = await self._reach(*place)
        except CheckError as error:
            error.details.update(host=place[0], port=place[1])  # one of several that the source is reached at
            self._fail(error)  # before the driver hears of it
            await _say(writer, "502 Bad Gateway")
            return None
        if tunnels:
            await _say(writer, "200 Connection established")
        else:
            far[1].write(in_origin_form(head, path))
        return far

    def _is_ours(self, head: bytes) -> bool:
        """Whether the driver asks, which knows the password."""
        login = b64encode(f"{USER}:{self.password}".encode())
        fields = [field.partition(b":")[::2] for field in head.split(b"\r\n")[1:]]
        given = [value.split()[-1:] for name, value in fields if name.lower() == b"proxy-authorization"]
        return given == [[login]]

    async def _reach(self, host: str, port: int) -> Streams:
        progress = self._progress()
        if (host, port) not in self._resolved:
            try:
                async with asyncio.timeout(progress.left):
                    self._resolved[host, port] = await self._place_of(host, port)
            except TimeoutError as error:
                message = f"No answer within {progress.limit:.3g} s (stage: resolve)"
                raise SourceUnreachable(ErrorCode.TIMEOUT, message, {"stage": "resolve"}) from error
        addresses, near = self._resolved[host, port]
        return await self._open(addresses, near, progress, None, host)


@asynccontextmanager
async def open_outlet(outlet: Outlet) -> AsyncIterator[Outlet]:
    """Have it listen; everything on it ends with the block."""
    server = await asyncio.start_server(outlet.serve, LOOPBACK, 0)
    outlet.port = server.sockets[0].getsockname()[1]
    try:
        yield outlet
    finally:
        outlet.shut()
        server.close()


def _asked(url: str) -> tuple[Place, str]:
    """Host and port that a request names, and its path with what is asked of it; no host for what is no address."""
    parts = urlsplit(url)
    try:
        place = canonical(parts.hostname or ""), parts.port or (HTTP_PORT if parts.scheme else 0)
    except ValueError:
        place = "", 0
    return place, f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"


def in_origin_form(head: bytes, path: str) -> bytes:
    """A request without TLS as its server wants it: the only one on this connection, and without our own credential."""
    first, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, _, version = first.split(b" ")
    kept = [field for field in fields if not field.lower().startswith((b"proxy-", b"connection:"))]
    return (
        b"\r\n".join([b" ".join([method, path.encode("latin-1"), version]), *kept, b"Connection: close"]) + b"\r\n\r\n"
    )


async def _say(writer: asyncio.StreamWriter, status: str, *fields: str) -> None:
    empty = () if status.startswith("200") else ("Content-Length: 0", "Connection: close")
    writer.write("\r\n".join([f"HTTP/1.1 {status}", *fields, *empty, "", ""]).encode())
    with suppress(OSError):
        await writer.drain()
