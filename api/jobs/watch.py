"""Follows every open job: hands it to Prefect, reads it back, and keeps its final answer.

One loop a process, whatever the number of clients: a request for a running job joins the reading that is under way.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import UUID

from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectException
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.jobs.dispatch import Dispatcher
from api.jobs.outcome import complete, lost_where
from api.jobs.status import run_status
from api.prefect.client import PATIENCE_SECONDS, PrefectServer, Run, Unreachable
from datasources.catalogue.jobs import end_job, ids_of, jobs_to_follow, open_jobs, open_jobs_of
from datasources.catalogue.questions import answers_of
from datasources.catalogue.tables import Job
from datasources.health.verdict import failures
from datasources.model.vocabulary import JobStatus
from flows.questions import run_input
from flows.states import QUESTIONS, UNDER_WAY

logger = logging.getLogger("sourcecheck.watch")

IDLE_SECONDS = 1.0
"""Between two looks at every open job: what is to be cancelled, and whose time is over."""
TRUST_SECONDS = 5.0
"""For how long Prefect's events are trusted to tell everything, until it is asked about every open job once more."""
PACE_SECONDS = 0.05
"""Between two readings at the least."""
REST = 1.0
"""Between two readings, as a multiple of what a reading takes: many jobs are read less often, not with more effort."""
FIRST_SECONDS = 2.0
"""To wait at most for a job to be read the first time."""
GRACE_SECONDS = 1.7
"""After a job's deadline, until it is ended by force: the worker gets to say it first."""
CANCEL_SECONDS = 5.0
"""After a request to cancel, until it is done by force: the worker gets to stop the process first."""


class Watch:
    """The loop, and what it saw last."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], prefect: PrefectServer, job_timeout: int) -> None:
        self._sessions = sessions
        self._prefect = prefect
        self._dispatcher = Dispatcher(sessions, prefect, job_timeout)
        self._runs: dict[int, Run] = {}
        self._told: dict[UUID, Run | None] = {}
        self._all_wanted = True
        self._all_seen = 0.0
        self._all_asked = 0.0
        self._open: Mapping[int, bool] = {}
        self._wanted = asyncio.Event()
        self._due = asyncio.Event()
        self._read = asyncio.Condition()
        self._round = 0
        self._reading = False
        self._looked_at: set[int] = set()
        self._close: frozenset[int] = frozenset()
        self._listening = False
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(work(), name="watch") for work in (self._hand_over, self._follow, self._listen)
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def run_of(self, job_id: int) -> Run | None:
        """What Prefect said last of an open job; None before it was read."""
        return self._runs.get(job_id)

    def look_at(self, job_id: int) -> bool:
        """Read this job soon: somebody wants to know how far it is. Answers whether the last reading included it."""
        self._looked_at.add(job_id)
        self._wanted.set()
        return job_id in self._close

    def accepted(self) -> None:
        """Hand over at once: a job has been accepted, or the turn of one may have come."""
        self._due.set()

    async def until_ended(self, job_id: int, seconds: float) -> None:
        """Return when the job has ended, whoever ended it, or the time is up.

        Costs nothing but memory, unless nobody tells us what happens.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._read:
                wanted = self._next_round()
                while self._round < wanted or job_id in self._open:
                    if not self._listening:
                        self._want_all()
                    await self._read.wait()

    async def until_read(self, job_id: int) -> None:
        """Return when this job has been read anew, or when that takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS), self._read:
                wanted = self._next_round()
                self.look_at(job_id)
                await self._read.wait_for(lambda: self._round >= wanted)

    def _want_all(self) -> None:
        self._all_wanted = True
        self._wanted.set()

    def _next_round(self) -> int:
        """The first reading that sees what has happened so far: the one under way may have begun before."""
        return self._round + (2 if self._reading else 1)

    async def _hand_over(self) -> None:
        """Dispatch without the rests that a reading takes."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), IDLE_SECONDS)
            self._due.clear()
            try:
                await self._dispatcher.dispatch()
            except SQLAlchemyError as error:
                logger.warning("jobs could not be handed over: %s", type(error).__name__)
                await asyncio.sleep(IDLE_SECONDS)
            except Exception:
                logger.exception("jobs could not be handed over")
                await asyncio.sleep(IDLE_SECONDS)

    async def _follow(self) -> None:
        while True:
            self._wanted.clear()
            self._reading = True
            began = time.monotonic()
            try:
                await self._read_what_is_wanted(began)
            except (*Unreachable, PrefectException, SQLAlchemyError) as error:
                logger.warning("open jobs could not be read: %s", type(error).__name__)
                await asyncio.sleep(IDLE_SECONDS)
            except Exception:
                logger.exception("open jobs could not be read")
                await asyncio.sleep(IDLE_SECONDS)
            async with self._read:
                self._reading = False
                self._round += 1
                self._read.notify_all()
            await asyncio.sleep(min(IDLE_SECONDS, max(PACE_SECONDS, REST * (time.monotonic() - began))))
            try:
                await asyncio.wait_for(self._wanted.wait(), IDLE_SECONDS)
            except TimeoutError:
                continue

    async def _read_what_is_wanted(self, now: float) -> None:
        """Go through every open job once in a while; in between, see to those we were told of or asked about."""
        everything = self._all_wanted or now - self._all_seen > IDLE_SECONDS
        self._all_wanted = False
        looked_at, self._looked_at = self._looked_at, set()
        told, self._told = self._told, {}
        try:
            await (self._go_through(now, looked_at, told) if everything else self._see_to(looked_at, told))
        except BaseException:
            self._told = told | self._told
            raise
        await self._note_open()

    async def _go_through(self, now: float, looked_at: set[int], told: Mapping[UUID, Run | None]) -> None:
        """Every open job. Prefect is asked about all of them when it does not tell, or has been silent for long."""
        async with self._sessions() as session:
            jobs = await jobs_to_follow(session)
        self._all_seen = now
        self._runs = {job.id: self._runs[job.id] for job in jobs if job.id in self._runs}
        if not self._listening or now - self._all_asked > TRUST_SECONDS:
            await self._read_and_settle(jobs, looked_at, told)
            self._all_asked = now
        else:
            due = [job for job in jobs if self._is_due(job) or job.id in looked_at or job.flow_run_id in told]
            await self._read_and_settle(due, looked_at, told)

    async def _see_to(self, looked_at: set[int], told: Mapping[UUID, Run | None]) -> None:
        async with self._sessions() as session:
            jobs = await open_jobs_of(session, looked_at, told)
        await self._read_and_settle(jobs, looked_at, told)
        # What we were told of a job that is just being handed over: its run is not written down yet.
        found = {job.flow_run_id for job in jobs}
        self._told = {run_id: run for run_id, run in told.items() if run_id not in found} | self._told

    def _is_due(self, job: Job) -> bool:
        """Whether there is something to do about it by now."""
        run = self._runs.get(job.id)
        return cancel_requested(job) or overdue(job) or (run is not None and run.ended)

    async def _read_and_settle(self, jobs: Sequence[Job], looked_at: set[int], told: Mapping[UUID, Run | None]) -> None:
        ids = {job.id: job.flow_run_id for job in jobs if job.flow_run_id}
        known = {run_id: self._runs[job_id] for job_id, run_id in ids.items() if job_id in self._runs}
        known |= {run_id: run for run_id, run in told.items() if run}
        closely = {run_id for job_id, run_id in ids.items() if job_id in looked_at}
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                runs = await self._prefect.read(list(ids.values()), known, closely)
        except (*Unreachable, PrefectException):
            await self._settle_alone(jobs)
            await self._note_open()
            raise
        self._runs = {job_id: run for job_id, run in self._runs.items() if job_id not in ids}
        self._runs |= {job_id: runs[run_id] for job_id, run_id in ids.items() if run_id in runs}
        self._close = frozenset(looked_at)
        await self._settle(jobs)

    async def _listen(self) -> None:
        """Be told when a run ends; while nobody tells, whoever waits for a job makes us ask for it."""
        while True:
            try:
                async for change in self._prefect.changes():
                    if change:
                        self._told[change.flow_run_id] = change.run
                        self._wanted.set()
                    else:
                        self._all_asked = 0.0  # what happened until now, nobody has told us
                        self._want_all()
                        self._listening = True
            except Exception as error:
                if self._listening:
                    logger.warning("no events from Prefect, asking instead: %s", type(error).__name__)
            self._listening = False
            await asyncio.sleep(IDLE_SECONDS)

    async def _note_open(self) -> None:
        async with self._sessions() as session:
            self._open = await open_jobs(session)
        if not all(self._open.values()):  # some wait for their turn, and it may have come
            self.accepted()

    async def _settle(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            run = self._runs.get(job.id)
            status = run_status(run)
            if status.ended:
                await self._end(job, status, run)
            elif cancel_requested(job):
                await self._cancel(job, run)
            elif overdue(job):
                await self._give_up(job, run)
            elif job.flow_run_id and status in QUESTIONS.values() and job.question is None:
                await self._resume(job, job.flow_run_id)

    async def _settle_alone(self, jobs: Sequence[Job]) -> None:
        """What can be settled while Prefect does not answer: its run, should it begin later, finds the job ended."""
        for job in jobs:
            if cancel_requested(job) and job.flow_run_id is None:
                await self._end(job, JobStatus.cancelled, None)
            elif overdue(job):
                await self._end(job, JobStatus.failed, self._runs.get(job.id))

    async def _resume(self, job: Job, flow_run_id: UUID) -> None:
        """Its question has been answered, and Prefect did not hear of it."""
        async with self._sessions() as session:
            now = await session.get(Job, job.id)  # it may have asked since it was read
        if now and now.question is None and (answers := answers_of(now)):
            await self._prefect.resume(flow_run_id, run_input(answers[-1]))

    async def _cancel(self, job: Job, run: Run | None) -> None:
        """Cancel: at once when nobody runs it; by way of its worker otherwise, or by force when that does not react."""
        under_way = run is not None and run.state is not None and run.state.type in UNDER_WAY
        late = datetime.now(UTC) > (job.cancel_requested_at or job.deadline) + timedelta(seconds=CANCEL_SECONDS)
        if job.flow_run_id and run and under_way and not late:
            if not run.state or run.state.type is not StateType.CANCELLING:
                await self._prefect.cancel(job.flow_run_id, running=True)
            return
        if job.flow_run_id and run:
            await self._prefect.cancel(job.flow_run_id, running=False)
        await self._end(job, JobStatus.cancelled, run)

    async def _end(self, job: Job, status: JobStatus, run: Run | None) -> None:
        published = complete(job, run, status)
        if status is JobStatus.done and failures(published):
            status = JobStatus.failed  # a result was lost on the way: not to be mistaken for a good one
        async with self._sessions.begin() as session:
            ended = await end_job(session, job, status, published)
        if ended:
            logger.info("ended", extra=ids_of(job) | {"status": status.value})

    async def _give_up(self, job: Job, run: Run | None) -> None:
        if job.flow_run_id and run:
            await self._prefect.give_up(job.flow_run_id, f"Ended at its deadline: {lost_where(job, run)}")
        await self._end(job, JobStatus.failed, run)


def cancel_requested(job: Job) -> bool:
    """Whether somebody has asked to cancel it."""
    return job.cancel_requested_at is not None


def overdue(job: Job) -> bool:
    """Whether its worker has had its time, and the time to say so."""
    return datetime.now(UTC) > job.deadline + timedelta(seconds=GRACE_SECONDS)
