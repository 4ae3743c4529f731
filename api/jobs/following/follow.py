"""Follows every open job: reads it, has decided what is to be done, and has that done."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.jobs.following.agenda import Agenda, Reading
from api.jobs.following.decide import End, RunAgain, decide, decide_without_prefect, worth_reading
from api.jobs.following.dispatch import Dispatcher
from api.jobs.following.runs import Runs
from api.jobs.following.settle import Settler
from api.jobs.following.waiters import Waiters
from api.prefect.client import Run, Unreachable
from datasources.catalogue.jobs.jobs import OpenJobState, jobs_to_follow, open_job_states, open_jobs_of
from datasources.catalogue.tables import Job

logger = logging.getLogger("sourcecheck.watch")

IDLE_SECONDS = 1.0
"""Between two readings at most, and after one that failed."""
PACE_SECONDS = 0.05
"""Between two readings at least."""
IDLE_FACTOR = 1.0
"""Idle time after a reading, as a multiple of its duration: with many open jobs they are read less often, instead of
the load rising."""


class Follower:
    """One loop a process, whatever the number of clients: each joins the reading that comes next."""

    def __init__(
        self,
        sessions: async_sessionmaker[AsyncSession],
        agenda: Agenda,
        runs: Runs,
        settler: Settler,
        waiters: Waiters,
        dispatcher: Dispatcher,
    ) -> None:
        self.open: Mapping[int, OpenJobState] = {}
        """Every job that had not ended when the last reading had."""
        self._sessions = sessions
        self._agenda = agenda
        self._runs = runs
        self._settler = settler
        self._waiters = waiters
        self._dispatcher = dispatcher

    async def run(self) -> None:
        """Read, decide and settle for ever."""
        while True:
            began = time.monotonic()
            self._waiters.begin()
            try:
                await self._round(self._agenda.take(began))
            except (*Unreachable, SQLAlchemyError) as error:
                logger.warning("open jobs could not be read: %s", type(error).__name__)
                await asyncio.sleep(IDLE_SECONDS)
            except Exception:
                logger.exception("open jobs could not be read")
                await asyncio.sleep(IDLE_SECONDS)
            await self._waiters.end()
            await asyncio.sleep(min(IDLE_SECONDS, max(PACE_SECONDS, IDLE_FACTOR * (time.monotonic() - began))))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._agenda.wake.wait(), IDLE_SECONDS)

    async def _round(self, reading: Reading) -> None:
        try:
            await self._read_and_settle(await self._choose(reading), reading)
        except BaseException:
            self._agenda.put_back(reading)
            raise
        await self._note_open()

    async def _choose(self, reading: Reading) -> Sequence[Job]:
        """The jobs whose runs this reading asks Prefect about."""
        async with self._sessions() as session:
            if not reading.every_job:
                jobs = await open_jobs_of(session, reading.looked_at, reading.told)
                found = {job.flow_run_id for job in jobs}
                self._agenda.keep_told({run_id: run for run_id, run in reading.told.items() if run_id not in found})
                return jobs
            jobs = await jobs_to_follow(session)
        self._runs.forget_all_but({job.id for job in jobs})
        if reading.every_run:
            return jobs
        now = datetime.now(UTC)
        return [
            job
            for job in jobs
            if job.id in reading.looked_at
            or job.flow_run_id in reading.told
            or worth_reading(job, self._runs.get(job.id), now)
        ]

    async def _read_and_settle(self, jobs: Sequence[Job], reading: Reading) -> None:
        try:
            await self._runs.read(jobs, reading.looked_at, reading.told)
        except Unreachable:
            for job in jobs:
                action = decide_without_prefect(job, datetime.now(UTC))
                await self._settler.carry_out(action, job, self._runs.get(job.id))
            await self._note_open()
            raise
        self._agenda.keep_told(self._not_yet(jobs, reading))
        for job in jobs:
            run = self._runs.get(job.id)
            action = decide(job, run, datetime.now(UTC))
            await self._settler.carry_out(action, job, run)
            if isinstance(action, RunAgain):
                self._runs.forget(job.id)
            elif isinstance(action, End):
                await self._note_ended(job.id)

    def _not_yet(self, jobs: Sequence[Job], reading: Reading) -> dict[UUID, Run | None]:
        """Runs that Prefect has told of and that were still under way when read: it tells before it commits."""
        read = {job.flow_run_id: self._runs.get(job.id) for job in jobs if job.flow_run_id in reading.told}
        return {
            run_id: None
            for run_id, run in read.items()
            if run_id and run and run.state and not (run.state.is_final() or run.state.is_paused())
        }

    async def _note_ended(self, job_id: int) -> None:
        """Those that wait for this job need not wait for the rest of the reading."""
        self.open = {open_id: state for open_id, state in self.open.items() if open_id != job_id}
        await self._waiters.tell()

    async def _note_open(self) -> None:
        async with self._sessions() as session:
            self.open = await open_job_states(session)
        if not all(job.dispatched for job in self.open.values()):  # some wait for their turn, and it may have come
            self._dispatcher.wake.set()
