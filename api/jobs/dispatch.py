"""Hands jobs to Prefect when their turn comes: one test of a source runs at a time."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.prefect.client import SERVER_ANSWER_SECONDS, PrefectServer, Unreachable
from datasources.catalogue.jobs import deadline, ids_of, mark_dispatched
from datasources.catalogue.queue import dispatchable
from datasources.catalogue.tables import Job

logger = logging.getLogger("sourcecheck.dispatch")

AT_ONCE = 8
"""Requests for a run under way at once: more would make Prefect's server slower for everybody."""
ROUND = 100
"""Jobs handed over in one round; the next one follows at once."""
ROUND_SECONDS = 1.0
"""Between two rounds at the most, and after one that failed."""


class Dispatcher:
    """Asks Prefect for runs. Several processes may do so for the same job: they get the same run."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], prefect: PrefectServer, job_timeout: int) -> None:
        self._sessions = sessions
        self._prefect = prefect
        self._job_timeout = job_timeout
        self._room = asyncio.Semaphore(AT_ONCE)
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
                logger.warning("jobs could not be handed over: %s", type(error).__name__)
                await asyncio.sleep(ROUND_SECONDS)
            except Exception:
                logger.exception("jobs could not be handed over")
                await asyncio.sleep(ROUND_SECONDS)

    async def dispatch(self) -> None:
        """Hand over every job whose turn it is; those that Prefect does not take stay for the next time."""
        async with self._sessions() as session:
            due = await dispatchable(session, ROUND)
        troubles = await asyncio.gather(*(self._attempt(job, name) for job, name in due))
        self._tell(troubles)

    async def _attempt(self, job: Job, source_name: str) -> Exception | None:
        try:
            async with self._room:
                await self._hand_over(job, source_name)
        except (*Unreachable, SQLAlchemyError) as error:
            return error
        return None

    async def _hand_over(self, job: Job, source_name: str) -> None:
        # Those ahead of it are over sooner than they might have been: so are its own seconds.
        job.deadline = min(job.deadline, deadline(job.timeout_seconds or self._job_timeout))
        async with asyncio.timeout(SERVER_ANSWER_SECONDS):
            flow_run_id = await self._prefect.start(job, source_name)
        async with self._sessions.begin() as session:
            still_open = await mark_dispatched(session, job.id, flow_run_id, job.deadline)
        logger.info("handed to Prefect", extra=ids_of(job) | {"flow_run_id": flow_run_id})
        if not still_open:  # cancelled meanwhile
            await self._prefect.cancel(flow_run_id, running=False)

    def _tell(self, troubles: Sequence[Exception | None]) -> None:
        kinds = [type(trouble).__name__ for trouble in troubles if trouble]
        if kinds:
            logger.warning("%d of %d jobs could not be handed to Prefect: %s", len(kinds), len(troubles), kinds[0])
