"""Lost attempts at a job: noted before the next one begins, with what they had found."""

from collections.abc import Iterable

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.jobs.questions import lock_job
from datasources.catalogue.tables import Job
from datasources.model.losses import Loss
from datasources.model.results import Published


def losses_of(job: Job) -> list[Loss]:
    """The attempts at it that were lost, oldest first."""
    return msgspec.convert(job.losses or [], list[Loss])


def attempts_of(job: Job) -> int:
    """How often it was tried: 1 for nearly all."""
    return len(job.losses or []) + 1


def is_noted(job: Job, state_id: str) -> bool:
    """Whether the run that ended in this state is known to be lost, and to be run again."""
    return any(loss.state_id == state_id for loss in losses_of(job))


def found_before(job: Job) -> dict[str, Published]:
    """What its lost attempts had found, by task; a later one does not look for it again."""
    return {published.task: published for published in msgspec.convert(job.found or [], list[Published])}


async def note_loss(session: AsyncSession, job_id: int, loss: Loss, found: Iterable[Published]) -> bool:
    """Note it once, with everything that has been found so far; the caller commits. Returns whether the job is open."""
    job = await lock_job(session, job_id)
    if job.ended_at is not None:
        return False
    known = losses_of(job)
    if loss.state_id not in {one.state_id for one in known}:
        job.losses = msgspec.to_builtins([*known, loss])
        job.found = msgspec.to_builtins(list(found))
    return True
