"""What the rest of the API sees of open jobs: how far each is, and how to wait for one.

`dispatch` hands jobs to Prefect, `feed` listens, `follow` reads, `decide` says what is to be done and `settle` does it.
"""

import asyncio
from typing import Self

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.jobs.following.agenda import Agenda
from api.jobs.following.dispatch import Dispatcher
from api.jobs.following.feed import Feed
from api.jobs.following.follow import Follower
from api.jobs.following.runs import Runs
from api.jobs.following.settle import Settler
from api.jobs.following.waiters import Waiters
from api.prefect.client import PrefectServer, Run
from datasources.model.settings import Settings
from flows.questions import has_asked

FRESH_SECONDS = 2.0
"""To wait at most for a reading that is made for one request."""


class Watch:
    """The loops of one process, and what they know."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], prefect: PrefectServer, settings: Settings) -> None:
        self._agenda = Agenda()
        self._runs = Runs(prefect)
        self._waiters = Waiters()
        self._feed = Feed(prefect, self._agenda)
        self._dispatcher = Dispatcher(sessions, prefect, settings)
        self._follower = Follower(
            sessions, self._agenda, self._runs, Settler(sessions, prefect), self._waiters, self._dispatcher
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        loops = (self._dispatcher.run, self._follower.run, self._feed.run)
        self._tasks = [asyncio.create_task(loop(), name=loop.__qualname__) for loop in loops]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def run_of(self, job_id: int) -> Run | None:
        """What Prefect said last of an open job; None before it was read."""
        return self._runs.get(job_id)

    def knows_open(self, organization_id: int, job_id: int) -> bool:
        """Whether the last reading has found this job open, and a job of this organization."""
        state = self._follower.open.get(job_id)
        return state is not None and state.organization_id == organization_id

    def has_details(self, job_id: int) -> bool:
        """Whether the last reading included the steps of this job."""
        return self._runs.was_detailed(job_id)

    def look_at(self, job_id: int) -> None:
        """Have this job read soon, with its steps: a client wants to know how far it is."""
        self._agenda.look_at(job_id)

    def dispatch_soon(self) -> None:
        """Hand over at once: a job has been accepted, or the turn of one may have come."""
        self._dispatcher.wake.set()

    async def until_ended(self, job_id: int, seconds: float) -> None:
        """Return when the job has ended, whichever process ended it, or the time is up."""
        await self._waiters.until(lambda: job_id not in self._follower.open, seconds, urge=self._urge)

    async def until_ended_or_asking(self, job_id: int, seconds: float) -> None:
        """Return when the job has ended or its run waits for an answer, or the time is up."""
        await self._waiters.until(
            lambda: job_id not in self._follower.open or self._asks(job_id), seconds, urge=self._urge
        )

    async def until_read(self, job_id: int) -> None:
        """Return when this job has been read anew, or when that takes too long."""
        await self._waiters.until(lambda: True, FRESH_SECONDS, urge=lambda: self.look_at(job_id))

    def _asks(self, job_id: int) -> bool:
        """Whether the run waits: a question is written down a moment before its run is suspended."""
        run, question = self._runs.get(job_id), self._follower.open[job_id].question
        return question is not None and run is not None and has_asked(run.state, question)

    def _urge(self) -> None:
        """While Prefect tells nothing, each client that waits makes us ask."""
        if not self._agenda.listening:
            self._agenda.want_every_job()
