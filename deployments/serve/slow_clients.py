"""Clients that open a connection and never finish the headers of a request: uvicorn alone would wait for ever."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 15.0
"""From a connection, or the first byte of a request on it, until the headers have to be complete."""


class ImpatientHttp(HttpToolsProtocol):
    """uvicorn's HTTP with an end to waiting for headers; between two requests its `timeout_keep_alive` counts."""

    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._expect_nothing()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The first byte of a request has come."""
        super().on_message_begin()
        self._expect_headers()

    def on_headers_complete(self) -> None:
        """The headers are complete."""
        self._expect_nothing()
        super().on_headers_complete()

    def _expect_headers(self) -> None:
        self._expect_nothing()
        self._overdue = asyncio.get_running_loop().call_later(HEADER_SECONDS, self._hang_up)

    def _expect_nothing(self) -> None:
        if self._overdue:
            self._overdue.cancel()
            self._overdue = None

    def _hang_up(self) -> None:
        transport: Any = self.transport
        if transport and not transport.is_closing():
            transport.close()
