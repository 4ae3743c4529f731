"""Does what was decided about a job: tells Prefect, and writes the final answer down once."""

import asyncio
import logging

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.jobs.following.decide import Action, Cancel, End, GiveUp, Leave, Resume, RunAgain, StopRun
from api.jobs.following.outcome import complete, lost_where
from api.prefect.client import SERVER_ANSWER_SECONDS, PrefectServer, Run
from datasources.catalogue.jobs.attempts import attempts_of, found_before, losses_of, note_loss
from datasources.catalogue.jobs.jobs import end_job, ids_of
from datasources.catalogue.jobs.questions import answers_of, lock_job
from datasources.catalogue.tables import Job
from datasources.health.verdict import failures, first_failure
from datasources.model.losses import Loss, pause_seconds
from datasources.model.vocabulary import JobStatus
from flows.questions import run_input

logger = logging.getLogger("sourcecheck.watch")


class Settler:
    """Carries actions out. What it raises is tried again: each action can be done twice."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], prefect: PrefectServer) -> None:
        self._sessions = sessions
        self._prefect = prefect

    async def carry_out(self, action: Action, job: Job, run: Run | None) -> None:
        """Do it. Raises what Prefect's client and the catalogue raise, and `TimeoutError` if Prefect does not answer.

        All open jobs wait while this waits, and Prefect's client alone would ask for minutes.
        """
        async with asyncio.timeout(SERVER_ANSWER_SECONDS):
            await self._do(action, job, run)

    async def _do(self, action: Action, job: Job, run: Run | None) -> None:
        match action:
            case Leave():
                return
            case End(status):
                await self._end(job, status, run)
            case StopRun():
                await self._cancel_run(job, run, running=True)
            case Cancel():
                await self._cancel_run(job, run, running=False)
                await self._end(job, JobStatus.cancelled, run)
            case GiveUp():
                if job.flow_run_id and run:
                    await self._prefect.give_up(job.flow_run_id, f"Ended at its deadline: {lost_where(job, run)}")
                await self._end(job, JobStatus.failed, run)
            case RunAgain(loss):
                await self._run_again(job, run, loss)
            case Resume():
                await self._resume(job)

    async def _cancel_run(self, job: Job, run: Run | None, *, running: bool) -> None:
        if job.flow_run_id and run:
            await self._prefect.cancel(job.flow_run_id, running=running)

    async def _run_again(self, job: Job, run: Run | None, loss: Loss) -> None:
        """Noted before it is scheduled: what has been found is there when the next attempt begins."""
        found = found_before(job) | (run.published if run else {})
        async with self._sessions.begin() as session:
            is_open = await note_loss(session, job.id, loss, found.values())
        if not is_open:
            return
        async with self._sessions.begin() as session:  # of several processes, one schedules it, and the others see that
            now = await lock_job(session, job.id)
            if now.ended_at is None and now.flow_run_id and now.cancel_requested_at is None:
                why = f"Attempt {attempts_of(now)} of job {job.id}: {lost_where(job, run)}"
                await self._prefect.run_again(now.flow_run_id, loss.state_id, why, pause_seconds(len(losses_of(now))))
        logger.warning("lost, and run again: %s", loss.stage, extra=ids_of(job))

    async def _resume(self, job: Job) -> None:
        async with self._sessions() as session:
            now = await session.get(Job, job.id)  # it may have asked since it was read
        if now and now.flow_run_id and now.dispatched_at and now.question is None and (answers := answers_of(now)):
            await self._prefect.resume(now.flow_run_id, run_input(answers[-1]))

    async def _end(self, job: Job, status: JobStatus, run: Run | None) -> None:
        published = complete(job, run, status)
        if status is JobStatus.done and failures(published):
            status = JobStatus.failed  # a result was lost on the way: not to be mistaken for a good one
        async with self._sessions.begin() as session:
            ended = await end_job(session, job, status, published)
        if ended:
            code = failure.result.error_code if (failure := first_failure(published)) else None
            logger.info("ended", extra=ids_of(job) | {"status": status.value, "error_code": code})
