"""One login by a driver that blocks: in threads, and by a relay on the loopback that leads to one checked address."""

import asyncio
import ssl
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import partial
from typing import Any, ClassVar, TypeVar

from datasources.databases.blocking import Calls, open_in_thread
from datasources.databases.dbapi.errors import meaning_of
from datasources.databases.flood import ANSWER_BYTES, LOGIN_BYTES, Flood
from datasources.databases.opening import addresses_of
from datasources.databases.warehouse.asker import Asker, Row
from datasources.databases.warehouse.errors import Refused
from datasources.model.errors import CheckError
from datasources.model.source import Source
from datasources.network.progress import Progress
from datasources.network.way_out import LOOPBACK, Relay, open_local_relay

T = TypeVar("T")

PAGE = 1000
"""Rows of a page; the first page is one row, which is all that a test query needs."""
CLOSE_SECONDS = 0.5
"""How long the farewell may take."""


class DbapiAsker(Asker):
    """One login. A type says how its driver connects, what its errors mean, and who we are over there.

    `let_in(source, asker, asker.begin)` opens it. The driver reaches nothing but the relay: it resolves no name and
    follows no proxy, no retry gets a second connection, every byte is counted, and a call that is cut off ends because
    the relay ends (security rows 1, 2 and 28).
    """

    host: ClassVar[str] = LOOPBACK
    """Where the driver finds the relay."""
    connections: ClassVar[int] = 1
    """How many the driver opens for one login."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source
        self._stack = AsyncExitStack()
        self._connection: Any = None
        self._cursor: Any = None
        self.progress = Progress(source.connection_timeout)

    def begin(self, progress: Progress) -> None:
        """The opening notes its stages here."""
        self.progress = progress

    @abstractmethod
    def connect(self, port: int) -> Any:
        """A connection of the driver's to the relay, which is at this port of the loopback. Runs in a thread.

        Every statement commits by itself. Nothing is left for the driver to look up: no file, no environment.
        """

    @abstractmethod
    def refusal_of(self, error: Exception) -> CheckError | Refused | None:
        """What an error of the driver's means; None for one that is not the driver's own."""

    @abstractmethod
    async def greet(self) -> None:
        """Learn `user`, `database` and `version`, once the server has let us in."""

    def tls_context(self) -> ssl.SSLContext | None:
        """For the relay, where the protocol begins with TLS; None if the driver speaks it, or without TLS."""
        return None

    async def addresses(self) -> tuple[list[str], int]:
        """Where the relay leads: what the policy lets pass, and the port. Raises `SourceUnreachable`."""
        return await addresses_of(self._source)

    def relay_to(self, addresses: Sequence[str], port: int) -> Relay:
        """The way to the source."""
        target = self._source.options.target
        name = target[0] if target else LOOPBACK
        return Relay(addresses, port, context=self.tls_context(), name=name, progress=self.progress)

    async def log_in(self) -> None:
        """Connect by the driver, and learn who we are. Raises `CheckError`, `Refused` and `Flood`."""
        self.progress.reached("resolve")
        self.relay = self.relay_to(*await self.addresses())
        self._calls = Calls(self.relay.shut)
        port = await self._stack.enter_async_context(open_local_relay(self.relay, self.connections))
        self.relay.begin(LOGIN_BYTES)
        with self._understood():
            self._connection = await open_in_thread(partial(self.connect, port), _close, self.relay.shut)
        self.address, self.tls_version = self.relay.address, self.relay.tls_version
        self.progress.reached("database")
        await self.greet()

    async def pages(self, statement: str, *, most: int = ANSWER_BYTES) -> AsyncGenerator[list[Row], None]:
        """Rows as the driver fetches them; no page for a statement that answers none."""
        self.relay.begin(most)
        if not await self.call(partial(self._execute, statement)):
            return
        size, first = 1, True
        while True:
            rows = await self.call(partial(self._fetch, size))
            if rows or first:
                yield rows
            if not rows:
                return
            size, first = PAGE, False

    async def call(self, work: Callable[[], T]) -> T:
        """What `work` returns, in a thread. Raises `CheckError`, `Refused` and `Flood`."""
        with self._understood():
            return await self._calls.run(work)

    def _execute(self, statement: str) -> bool:
        """Whether the statement answers rows. A cursor lives until the next one: dropping it may read its rows."""
        if self._cursor is not None:
            self._cursor.close()
        self._cursor = self._connection.cursor()
        self._cursor.execute(statement)
        return bool(self._cursor.description)  # some drivers have an empty one for none

    def _fetch(self, size: int) -> list[Row]:
        return [list(row) for row in self._cursor.fetchmany(size)]

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Any error as ours: what the relay knows says more than what the driver makes of it."""
        try:
            yield
        except (CheckError, Refused, Flood):
            raise
        except Exception as error:
            if self.relay.flooded:
                raise Flood(self.relay.flooded + 1, self.relay.flooded) from error
            raise (self.relay.failure or self.refusal_of(error) or meaning_of(error)) from error

    async def cancel(self) -> None:
        """Say farewell, and cut what is still open: what runs over there ends with its connection."""
        if self._connection is not None:
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._calls.run(self._leave)
        await self._stack.aclose()

    def _leave(self) -> None:
        for opened in (self._cursor, self._connection):
            if opened is not None:
                _close(opened)
        self._cursor = self._connection = None


def _close(opened: Any) -> None:
    with suppress(Exception):
        opened.close()
