"""Which `Host` and `Origin` our two HTTP servers answer.

A web page can have its own name resolved to an address of this machine (DNS rebinding), and its browser then takes our
answers for that page's own. The request still carries the page's name, which we do not answer (security row 15).
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from datasources.model.settings import Settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

BodyOf = Callable[[str, int, str], bytes]

FORBIDDEN = 403
ANY = "*"
LOCAL = ("localhost",)
"""Names that always mean this machine."""


class Hosts(Struct, frozen=True):
    """What a server may be called."""

    names: frozenset[str]
    """In lower case; `*` stands for every name, `*.example.org` for all below one."""
    origins: frozenset[str] | None = None
    """Pages that may send requests, as browsers name them; None where a request carries its own key."""

    @classmethod
    def of_api(cls, settings: Settings) -> "Hosts":
        """Our API: the names that the settings give, and this machine's own."""
        given = (name.strip().lower() for name in settings.allowed_hosts.split(","))
        return cls(frozenset({*LOCAL, os.uname().nodename.lower(), settings.api_host.lower(), *filter(None, given)}))

    @classmethod
    def of_prefect(cls, server: Any) -> "Hosts":
        """Prefect's server, by its own settings: the host where its UI looks for it, and the UI's own origin."""
        host = urlsplit(server.ui.api_url or "").hostname
        origins = server.api.cors_allowed_origins.split(",")
        return cls(frozenset({*LOCAL, host or LOCAL[0]}), frozenset(origin.strip().lower() for origin in origins))

    def refusal(self, headers: list[tuple[bytes, bytes]], address: str | None) -> str | None:
        """Why a request with these headers is refused, in one sentence; None when it is welcome.

        `address` is that of our end of the connection. A request without a `Host` comes from no browser.
        """
        for name, value in headers:
            text = value.decode("latin-1").lower()
            if name == b"host" and not self._knows(host_of(text), address):
                return "This server is not known under the host name of the request"
            if name == b"origin" and self.origins is not None and text not in self.origins:
                return "Pages of this origin may not use this server"
        return None

    def _knows(self, host: str, address: str | None) -> bool:
        if ANY in self.names or host in self.names or host == address:
            return True
        if any(name.startswith("*.") and host.endswith(name[1:]) for name in self.names):
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False


def host_of(header: str) -> str:
    """The host of a `Host` header: without the port, the brackets of an IPv6 address, and the root's dot."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].removesuffix(".")


class KnownHosts:
    """An ASGI application in front of another one, which sees only requests that are welcome."""

    def __init__(self, app: Any, hosts: Hosts, body_of: BodyOf | None = None) -> None:
        """`body_of`: what a refusal with this status and sentence says at this path, as JSON."""
        self._app: App = app
        self._hosts = hosts
        self._body_of = body_of or _detail

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer 403, also to a websocket, or pass the request on."""
        if scope["type"] in ("http", "websocket"):
            server = scope.get("server")
            if why := self._hosts.refusal(scope["headers"], server[0] if server else None):
                await (self._refuse(scope, send, why) if scope["type"] == "http" else send({"type": "websocket.close"}))
                return
        await self._app(scope, receive, send)

    async def _refuse(self, scope: Message, send: Send, why: str) -> None:
        await _send(send, self._body_of(scope["path"], FORBIDDEN, why))


def _detail(path: str, status: int, sentence: str) -> bytes:
    return msgspec.json.encode({"detail": sentence})


async def _send(send: Send, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": FORBIDDEN, "headers": headers})
    await send({"type": "http.response.body", "body": body})
