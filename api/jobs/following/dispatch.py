"""Hands jobs to Prefect when they have a slot: one test of a source runs at a time, and organizations share the slots.

Prefect and its workers take runs up in the order in which they come. So fairness is decided before: Prefect never has
more runs than the workers have room for.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.prefect.client import SERVER_ANSWER_SECONDS, PrefectServer, Unreachable
from datasources.catalogue.jobs.jobs import deadline, ids_of, mark_dispatched
from datasources.catalogue.jobs.questions import answers_of
from datasources.catalogue.jobs.queue import give_slots, to_hand_over
from datasources.catalogue.tables import Job
from datasources.health.steadiness import Steadiness
from datasources.model.settings import Settings
from flows.questions import run_input

logger = logging.getLogger("sourcecheck.dispatch")

AT_ONCE = 8
"""Requests for a run under way at once: more would make Prefect's server slower for all."""
ROUND_SECONDS = 1.0
"""Between two rounds at most, and after one that failed."""
COUNT_EVERY = 10.0
"""Seconds for which the number of workers is taken to be still so."""
COUNT_SECONDS = 2.0
"""Seconds that Prefect has to tell it."""


class Dispatcher:
    """Asks Prefect for runs: each process for the jobs that it gave a slot. Should two ask, they get the same run."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], prefect: PrefectServer, settings: Settings) -> None:
        self._sessions = sessions
        self._prefect = prefect
        self._settings = settings
        self._room = asyncio.Semaphore(AT_ONCE)
        self._catalogue = Steadiness()
        self._workers = 1
        self._not_taken: Sequence[int] = ()
        """Jobs that Prefect did not take the last time: they are ours to hand over still."""
        self._counted = -COUNT_EVERY
        self.wake = asyncio.Event()
        """Set when a job has been accepted, or the turn of one may have come."""

    async def run(self) -> None:
        """Dispatch for ever, on a clock of its own, independent of the pauses between readings."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.wake.wait(), ROUND_SECONDS)
            self.wake.clear()
            try:
                await self.dispatch()
            except SQLAlchemyError as error:
                self._catalogue.disturb()
                logger.warning("jobs could not be handed over: %s", type(error).__name__)
                await asyncio.sleep(ROUND_SECONDS)
            except Exception:
                logger.exception("jobs could not be handed over")
                await asyncio.sleep(ROUND_SECONDS)

    async def dispatch(self) -> None:
        """Hand over every job that has a slot, or gets one now; what Prefect does not take stays for the next time."""
        slots = self._settings.slots_per_worker * await self._count_workers()
        async with self._sessions.begin() as session:
            given = await give_slots(session, slots, self._catalogue.lost_before())
            due = await to_hand_over(session, [*given, *self._not_taken])
        troubles = await asyncio.gather(*(self._attempt(job, name) for job, name in due))
        tried = zip(due, troubles, strict=True)
        self._not_taken = [job.id for (job, _), trouble in tried if trouble and not job.flow_run_id]
        self._tell(troubles)

    async def _count_workers(self) -> int:
        """How many workers have given a sign of life; one, when none has: it will find its work waiting."""
        if time.monotonic() - self._counted > COUNT_EVERY:
            self._counted = time.monotonic()
            with suppress(*Unreachable):
                async with asyncio.timeout(COUNT_SECONDS):
                    self._workers = max(1, await self._prefect.workers_seen(self._settings.work_pool))
        return self._workers

    async def _attempt(self, job: Job, source_name: str) -> Exception | None:
        try:
            async with self._room:
                await (self._go_on(job, job.flow_run_id) if job.flow_run_id else self._hand_over(job, source_name))
        except (*Unreachable, SQLAlchemyError) as error:
            return error
        return None

    async def _hand_over(self, job: Job, source_name: str) -> None:
        # Those ahead of it are over sooner than they might have been: so are its own seconds.
        job.deadline = min(job.deadline, deadline(job.timeout_seconds or self._settings.job_timeout))
        async with asyncio.timeout(SERVER_ANSWER_SECONDS):
            flow_run_id = await self._prefect.start(job, source_name)
        async with self._sessions.begin() as session:
            still_open = await mark_dispatched(session, job.id, flow_run_id, job.deadline)
        logger.info("handed to Prefect", extra=ids_of(job) | {"flow_run_id": flow_run_id})
        if not still_open:  # cancelled meanwhile
            await self._prefect.cancel(flow_run_id, running=False)

    async def _go_on(self, job: Job, flow_run_id: UUID) -> None:
        """Its question has been answered; if Prefect does not hear of it, the watch tells it again."""
        if answers := answers_of(job):
            async with asyncio.timeout(SERVER_ANSWER_SECONDS):
                await self._prefect.resume(flow_run_id, run_input(answers[-1]))

    def _tell(self, troubles: Sequence[Exception | None]) -> None:
        kinds = [type(trouble).__name__ for trouble in troubles if trouble]
        if kinds:
            logger.warning("%d of %d jobs could not be handed to Prefect: %s", len(kinds), len(troubles), kinds[0])
