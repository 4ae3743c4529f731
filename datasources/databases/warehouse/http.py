"""Requests at addresses that were resolved once: no redirects, no proxies, no netrc, no retries; capped and bounded."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import httpx
import msgspec
from msgspec import Struct

from datasources.databases.flood import ANSWER_BYTES, Flood
from datasources.databases.opening import place_of
from datasources.model.source import Source
from datasources.network.dial import share
from datasources.network.progress import Progress
from datasources.network.tls import Verification, context_of

T = TypeVar("T")
LEAST_SECONDS = 1.0
"""How long an address may take to accept, once the opening is over."""
STAGES = {"connection.connect_tcp.started": "tcp", "connection.start_tls.started": "tls"}
"""What httpx's transport says it begins, to the stage of the connection."""


class Answer(Struct, frozen=True):
    """One answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def read(self, kind: type[T]) -> T:
        """The body as JSON of this form. Raises `ValueError`."""
        return msgspec.json.decode(self.body, type=kind)


class Way:
    """Requests of one source. Raises `Flood`, `SourceUnreachable` for hosts that the policy forbids, httpx's errors."""

    def __init__(self, client: httpx.AsyncClient, source: Source) -> None:
        self._client = client
        self._source = source
        self.progress = Progress(source.connection_timeout)
        """Of the opening, which notes its stages here."""
        self._places: dict[tuple[str, int], tuple[list[str], int]] = {}
        self.address = ""
        """Where the first request went."""

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        most: int = ANSWER_BYTES,
    ) -> Answer:
        """Send one request to the host of `url`, and read its answer to the end."""
        target = httpx.URL(url)
        port = target.port or {"https": 443, "http": 80}[target.scheme]
        addresses, near = await self._place_of(target.host, port)
        request = partial(self._request, method, target, port, headers or {}, content)
        for number, address in enumerate(addresses):
            last = number == len(addresses) - 1
            connect = None if last else max(LEAST_SECONDS, share(self.progress, len(addresses) - number))
            try:
                answer = await self._answer(request(address, near, connect), most)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if last:
                    raise
                continue
            self._places[target.host, port] = [address], near
            self.address = self.address or address
            return answer
        raise AssertionError("a host has an address")

    async def _place_of(self, host: str, port: int) -> tuple[list[str], int]:
        if (host, port) not in self._places:
            self._places[host, port] = await place_of(self._source, host, port)
        return self._places[host, port]

    def _request(
        self,
        method: str,
        named: httpx.URL,
        port: int,
        headers: Mapping[str, str],
        content: bytes,
        address: str,
        near: int,
        connect: float | None,
    ) -> httpx.Request:
        """A request to an address, which says the name to the server and to TLS."""
        usual = {"Accept-Encoding": "identity", "User-Agent": "sourcecheck", "Host": named.netloc.decode()}
        return self._client.build_request(
            method,
            named.copy_with(host=address, port=near),
            content=content,
            headers=usual | dict(headers),
            extensions={
                "sni_hostname": named.host,
                "trace": self._note,
                "timeout": {"connect": connect, "read": None, "write": None, "pool": None},
            },
        )

    async def _answer(self, request: httpx.Request, most: int) -> Answer:
        response = await self._client.send(request, stream=True)
        try:
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > most:
                    raise Flood(len(body), most)
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise ValueError("an encoding that was not asked for")
            return Answer(response.status_code, response.headers, bytes(body))
        finally:
            await response.aclose()

    async def _note(self, event: str, _: object) -> None:
        if event in STAGES:
            self.progress.reached(STAGES[event])
        elif event.endswith("send_request_headers.started") and self.progress.stage in ("tcp", "tls", "resolve"):
            self.progress.reached("login")


@asynccontextmanager
async def way_of(
    source: Source, verification: Verification = "full", rootcert: str | None = None
) -> AsyncIterator[Way]:
    """A way to the hosts of this source, whose TLS is verified unless it says otherwise."""
    transport = httpx.AsyncHTTPTransport(verify=context_of(rootcert, verification), trust_env=False, retries=0)
    async with httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False, timeout=None) as client:  # noqa: S113 -- every caller is bounded as a whole
        yield Way(client, source)
