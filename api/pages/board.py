"""What the pages of an organization are made of: its sources, what runs, and whether the service is ready.

Every open page asks again and again; each process reads the catalogue for all of them, once a second at most.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime

from msgspec import Struct

from api.dependencies import Session
from api.jobs.status import open_status
from api.readiness import readiness
from api.runtime import Services
from api.wire.health import DEFAULT_WINDOW, WINDOWS
from api.wire.schemas import Readiness
from datasources.catalogue.health import overview
from datasources.catalogue.health.overview import Line, OpenTest
from datasources.health.glance import GLANCES, Glance, glance
from datasources.health.uptime import stale
from datasources.model.vocabulary import JobStatus

FRESH_SECONDS = 1.0
UPTIME_SECONDS = 30.0
READY_SECONDS = 5.0
PATIENCE_SECONDS = 0.3
"""How long a page waits for the first answer about readiness."""


class Entry(Struct, frozen=True):
    """One source as the pages show it."""

    line: Line
    glance: Glance
    test: OpenTest | None
    test_status: JobStatus | None
    """Where the open test stands."""

    @property
    def mark(self) -> tuple[object, ...]:
        """What its row is made of: a row whose mark is another one has to be drawn again."""
        line, test = self.line, self.test.id if self.test else None
        told = (line.name, line.last_tested_at, line.status_since, line.failure_reason)
        return (self.glance, *told, test, self.test_status)


class Board(Struct, frozen=True):
    """All sources of an organization at one moment."""

    entries: list[Entry]
    at: datetime

    @property
    def counts(self) -> dict[Glance, int]:
        """How many there are of each kind."""
        found = Counter(entry.glance for entry in self.entries)
        return {kind: found[kind] for kind in GLANCES}


class Boards:
    """The newest board of each organization that is looked at."""

    def __init__(self) -> None:
        self._boards: dict[int, tuple[float, Board]] = {}
        self._reading: dict[int, asyncio.Lock] = {}
        self._uptimes: dict[int, tuple[float, float | None]] = {}
        self._ready: Readiness | None = None
        self._ready_at = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def of(self, services: Services, organization_id: int, *, anew: bool = False) -> Board:
        """The organization's board; `anew` after a change that has to be seen."""
        async with self._reading.setdefault(organization_id, asyncio.Lock()):
            read_at, board = self._boards.get(organization_id, (0.0, None))
            if board is None or anew or time.monotonic() - read_at > FRESH_SECONDS:
                board = await _read(services, organization_id)
                self._boards[organization_id] = (time.monotonic(), board)
            return board

    async def uptimes(
        self, services: Services, ids: Collection[int], at: datetime, *, anew: bool = False
    ) -> dict[int, float | None]:
        """Uptimes of the usual window, which move slowly; `anew` for sources that have just been tested."""
        now = time.monotonic()
        fresh = {} if anew else {key: self._uptimes[key] for key in ids if key in self._uptimes}
        missing = [key for key in ids if key not in fresh or now - fresh[key][0] > UPTIME_SECONDS]
        if missing:
            async with services.sessions() as session:
                found = await overview.uptimes(session, missing, WINDOWS[DEFAULT_WINDOW], at)
            self._uptimes |= {key: (now, value) for key, value in found.items()}
        return {key: self._uptimes[key][1] for key in ids}

    async def ready(self, services: Services) -> Readiness | None:
        """Whether the service was ready some seconds ago; None while that is not known yet."""
        if self._asking is None and time.monotonic() - self._ready_at > READY_SECONDS:
            self._asking = asyncio.create_task(self._ask(services))
        if self._ready is None and self._asking is not None:
            await asyncio.wait([self._asking], timeout=PATIENCE_SECONDS)
        return self._ready

    async def _ask(self, services: Services) -> None:
        try:
            self._ready = await readiness(services.settings, services.vault, services.sessions, services.prefect)
        finally:
            self._ready_at, self._asking = time.monotonic(), None


async def entries_of(session: Session, organization_id: int) -> list[Entry]:
    """The organization's sources without their tests and without drafts: what a public page may know."""
    now = datetime.now(UTC)
    return [
        Entry(line, glance(line.status, stale=stale(line.last, now)), None, None)
        for line in await overview.lines(session, organization_id)
        if not line.draft
    ]


async def _read(services: Services, organization_id: int) -> Board:
    async with services.sessions() as session:
        lines = await overview.lines(session, organization_id)
        tests = await overview.open_tests(session, organization_id)
    now = datetime.now(UTC)
    return Board([_entry(line, tests.get(line.id), services, now) for line in lines], now)


def _entry(line: Line, test: OpenTest | None, services: Services, now: datetime) -> Entry:
    status = open_status(services.watch.run_of(test.id), asks=test.asks) if test else None
    return Entry(line, glance(line.status, stale=stale(line.last, now)), test, status)
