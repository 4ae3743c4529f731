"""What a session needs of a driver: the rows of a statement, as they come."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from datasources.databases.flood import ANSWER_BYTES
from datasources.network.tls import Verification

T = TypeVar("T")
Row = list[Any]


class Asker(ABC):
    """One login at one product. What it raises, `translated` knows."""

    user: str | None = None
    database: str = ""
    address: str = ""
    tls: bool = True
    tls_version: str | None = None
    tls_verified: Verification = "full"
    """What of the server's certificate is verified, where there is TLS."""
    version: str = ""
    """Product and version, in words."""
    stages_ms: dict[str, float]

    def __init__(self) -> None:
        self.stages_ms = {}
        self._starting: asyncio.Future[Any] | None = None

    async def begun(self, request: Coroutine[Any, Any, T]) -> T:
        """The answer to a request that starts something over there.

        Cut off meanwhile, the request goes on, so that `late` knows what it has started.
        """
        self._starting = asyncio.ensure_future(request)
        answer: T = await asyncio.shield(self._starting)
        self._starting = None
        return answer

    async def late(self) -> Any:
        """What a request has started that was cut off, if it is known by now; the caller has the limit."""
        if self._starting is None:
            return None
        with suppress(Exception):
            return await self._starting
        return None

    @abstractmethod
    async def log_in(self) -> None:
        """Be let in, and learn who we are over there."""

    @abstractmethod
    def pages(self, statement: str, *, most: int = ANSWER_BYTES) -> AsyncGenerator[list[Row], None]:
        """The rows of one statement, a page at a time, each of `most` bytes; no page where it answers no rows.

        A statement that answers rows, and has none, has one empty page.
        """

    async def rows(self, statement: str, *, most: int = ANSWER_BYTES) -> list[Row]:
        """All rows of one statement."""
        return [row async for page in self.pages(statement, most=most) for row in page]

    async def cancel(self) -> None:
        """End over there what this was asking when it was cut off; never longer than a second."""
        return
