"""What is to be read next: what clients look at, what Prefect has told, and now and then every open job."""

import asyncio
from collections.abc import Mapping
from uuid import UUID

from msgspec import Struct

from api.prefect.client import Change, Run

CATALOGUE_SECONDS = 1.0
"""Between two looks at every open job of the catalogue: what is to be cancelled, and whose time is over."""
TRUST_SECONDS = 5.0
"""For how long we trust Prefect's events to report everything, until we ask about every open job again."""
AT_ONCE = float("-inf")


class Reading(Struct, frozen=True):
    """What one reading covers."""

    looked_at: frozenset[int]
    """Jobs whose steps a client wants to see."""
    told: Mapping[UUID, Run | None]
    """Runs that Prefect has told of, with what became of them where it said that."""
    every_job: bool
    """Go through every open job of the catalogue."""
    every_run: bool
    """Ask Prefect about all of them."""


class Agenda:
    """Collects wishes until the next reading takes them. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self.listening = False
        """Whether Prefect tells us at present."""
        self.wake = asyncio.Event()
        """Set when there is something to read at once."""
        self._looked_at: set[int] = set()
        self._told: dict[UUID, Run | None] = {}
        self._jobs_due = AT_ONCE
        self._runs_due = AT_ONCE

    def look_at(self, job_id: int) -> None:
        """A client wants to know how far this job is."""
        self._looked_at.add(job_id)
        self.wake.set()

    def tell(self, change: Change) -> None:
        """Prefect has told of a run."""
        self._told[change.flow_run_id] = change.run
        self.wake.set()

    def want_every_job(self) -> None:
        """A client waits, and Prefect tells nothing."""
        self._jobs_due = AT_ONCE
        self.wake.set()

    def want_every_run(self) -> None:
        """Prefect may have had something to tell while nothing listened."""
        self._runs_due = AT_ONCE
        self.want_every_job()

    def take(self, now: float) -> Reading:
        """What is to be read now. While Prefect tells nothing, each look at every job asks it, too."""
        self.wake.clear()
        every_job = now >= self._jobs_due
        every_run = every_job and (not self.listening or now >= self._runs_due)
        reading = Reading(frozenset(self._looked_at), self._told, every_job, every_run)
        self._looked_at, self._told = set(), {}
        if every_job:
            self._jobs_due = now + CATALOGUE_SECONDS
        if every_run:
            self._runs_due = now + TRUST_SECONDS
        return reading

    def put_back(self, reading: Reading) -> None:
        """It could not be read: what Prefect has told is not told again. Clients ask again by themselves."""
        self._told = {**reading.told, **self._told}
        if reading.every_job:
            self._jobs_due = AT_ONCE
        if reading.every_run:
            self._runs_due = AT_ONCE

    def keep_told(self, told: Mapping[UUID, Run | None]) -> None:
        """Of these runs no job was found: they may just be being handed over, and are not written down yet."""
        self._told = {**told, **self._told}
