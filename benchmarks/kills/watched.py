"""Good sources, each at a port of its own, where it is seen which process is at it, and when."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Self

from msgspec import Struct

from deployments.stack.child import Child, Reaper, wait_until
from deployments.stack.home import Home
from deployments.stack.postgres import STOP_SIGNAL, Conninfo, EmbeddedPostgres
from deployments.stack.start import READY_SECONDS, Say

DATABASE = "demo"
TABLES = "CREATE TABLE customer (id integer PRIMARY KEY, name text); CREATE VIEW names AS SELECT name FROM customer"
AT_ONCE_SECONDS = 0.05
"""Two processes that are at a source for less than this at once may have been seen in the wrong order."""


class Visit(Struct):
    """One connection to a source."""

    source: int
    """The number of the source here, from 0."""
    pid: int | None
    """The process that made it; None when it had died before it was found."""
    began: float
    """On a monotonic clock, in seconds."""
    ended: float = float("inf")


class WatchedSources:
    """A PostgreSQL server that is no part of the stack, and a port for each source that leads to it."""

    def __init__(self, home: Path, count: int, say: Say, pause: Callable[[int], float]) -> None:
        """`pause` is how long each source takes to answer at all, by its number."""
        self.visits: list[Visit] = []
        self.ports: list[int] = []
        self.facts: Conninfo
        self.candidates: Callable[[], Iterable[int]] = list
        """Processes that may be at a source."""
        self.ends_its_process: Collection[int] = ()
        """Sources that have the process killed that comes to them, as a driver does that crashes."""
        self._home, self._count, self._say, self._pause = Home(home), count, say, pause
        self._exits = AsyncExitStack()
        self._server: Child

    @property
    def pid(self) -> int:
        """The process of the server."""
        return self._server.pid

    async def __aenter__(self) -> Self:
        self._home.make()
        keeper = await self._exits.enter_async_context(Reaper(self._home))
        postgres = EmbeddedPostgres(self._home)
        postgres.settle_port()
        await asyncio.to_thread(postgres.prepare)
        self._server = Child(
            "postgres",
            postgres.command(),
            home=self._home,
            keeper=keeper,
            say=self._say,
            environ=postgres.environ(),
            stop_signal=STOP_SIGNAL,
            before=postgres.clear_stale_pid,
            **postgres.popen(),
        )
        self._exits.push_async_callback(self._server.stop)
        await self._server.start()
        await wait_until(lambda: asyncio.to_thread(postgres.answers, self.pid), [self._server], READY_SECONDS)
        await asyncio.to_thread(postgres.make_databases)
        self.facts = postgres.conninfo(DATABASE)
        with self.facts.connect() as session:
            session.execute("CREATE SCHEMA scratch")
            session.execute(TABLES)
        for number in range(self._count):
            listener = await asyncio.start_server(self._visit(number), "127.0.0.1", 0, backlog=100)
            self.ports.append(listener.sockets[0].getsockname()[1])
            self._exits.callback(listener.close)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._exits.aclose()

    def options(self, source: int) -> dict[str, Any]:
        """How the source of this number is registered."""
        facts = self.facts
        return {
            "host": "127.0.0.1",
            "port": self.ports[source],
            "user": facts.user,
            "password": facts.password,
            "dbname": facts.dbname,
        }

    def _visit(self, source: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], "asyncio.Future[None]"]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            port, ours = writer.get_extra_info("peername")[1], writer.get_extra_info("sockname")[1]
            visit = Visit(source, owner_of(port, ours, self.candidates()), time.monotonic())
            self.visits.append(visit)
            if source in self.ends_its_process:
                end(visit.pid)
            back = None
            try:
                await asyncio.sleep(self._pause(source))
                there, onward = await asyncio.open_connection("127.0.0.1", self.facts.port)
                back = asyncio.create_task(pipe(there, writer))
                await pipe(reader, onward)
            except OSError:
                pass
            finally:
                visit.ended = time.monotonic()
                writer.close()
                if back:
                    onward.close()
                    back.cancel()

        return serve  # type: ignore[return-value]  # a coroutine function does as well


def end(pid: int | None) -> None:
    """Kill this process."""
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes until the sender has had enough."""
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


def owner_of(port: int, there: int, candidates: Iterable[int]) -> int | None:
    """Which of these processes has the connection from this port to that one, both on this machine."""
    ends = f":{port:04X}", f":{there:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[1].endswith(ends[0]) and words[2].endswith(ends[1]):
            wanted = f"socket:[{words[9]}]"
            return next((pid for pid in candidates if wanted in links(pid)), None)
    return None


def links(pid: int) -> list[str]:
    """What the open files of this process are."""
    found = []
    with suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.append(str(link.readlink()))
    return found


def at_once(visits: Iterable[Visit]) -> list[tuple[Visit, Visit]]:
    """Pairs of visits of different processes to one source at the same time."""
    by_source: dict[int, list[Visit]] = {}
    for visit in visits:
        if visit.pid is not None:
            by_source.setdefault(visit.source, []).append(visit)
    found = []
    for each in by_source.values():
        last = None
        for visit in sorted(each, key=lambda visit: visit.began):
            if last and visit.pid != last.pid and visit.began < last.ended - AT_ONCE_SECONDS:
                found.append((last, visit))
            last = visit if last is None or visit.ended >= last.ended else last
    return found
