"""Questions of jobs and their answers, in the catalogue."""

from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.host_keys import add_host_key
from datasources.catalogue.tables import Job
from datasources.model.questions import Answer, HostKeyQuestion, Question, to_question


def question_of(job: Job) -> Question | None:
    """What the job waits for."""
    return to_question(job.question)


def answers_of(job: Job) -> list[Answer]:
    """What was answered so far, in order."""
    return msgspec.convert(job.answers or [], list[Answer])


async def open_question(session: AsyncSession, job_id: int, question: Question) -> None:
    """Record the question and move the deadline to its expiry: waiting does not use up the job's time."""
    await session.execute(
        update(Job)
        .where(Job.id == job_id, Job.ended_at.is_(None))
        .values(question=msgspec.to_builtins(question), deadline=question.expires_at)
    )


async def lock_job(session: AsyncSession, job_id: int) -> Job:
    """The job as it is now, for this transaction alone."""
    chosen = select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    return (await session.execute(chosen)).scalar_one()


async def take_answer(session: AsyncSession, job: Job, answer: Answer, job_timeout: int, origin: str) -> None:
    """Write the answer down and close the question; an accepted host key is trusted from now on.

    The job has its whole time again, `job_timeout` in seconds if it names none. `origin` is as in `HostKey`.
    """
    question = question_of(job)
    if isinstance(question, HostKeyQuestion) and answer.accepted:
        await add_host_key(
            session,
            organization_id=job.organization_id,
            host=question.host,
            port=question.port,
            fingerprint=question.fingerprint,
            key_type=question.key_type,
            origin=origin,
            job_id=job.id,
            added_by_user_id=answer.user_id,
        )
    job.answers = [*(job.answers or []), msgspec.to_builtins(answer)]
    job.question = None
    if origin == "confirmed":  # its run still waits, and goes on when the job has a slot again
        job.dispatched_at = None
    job.deadline = datetime.now(UTC) + timedelta(seconds=job.timeout_seconds or job_timeout)
    await session.flush()
