"""The answer about a job, to clients that poll and to clients that wait."""

from functools import partial

from api.auth import Member
from api.dependencies import require_job
from api.jobs.encoded import Encoded
from api.jobs.refresh import read_known
from api.jobs.view import view
from api.runtime import Services


async def read_answer(services: Services, member: Member, job_id: int, wait: float) -> bytes:
    """As JSON; where a client waits, when the job has ended or asks a question, or so many seconds are over.

    Raises 404.
    """
    kept = services.answers.find(member.organization_id, job_id, renews=not wait)
    if kept is not None and kept.ended:
        return kept.body
    if wait:
        return (await _waited_for(services, member, job_id, wait)).body
    if kept is not None:
        services.watch.look_at(job_id)
        return kept.body
    place = "anew", member.organization_id, job_id
    return (await services.made_anew.make(place, partial(_read, services, member, job_id, anew=True))).body


async def _waited_for(services: Services, member: Member, job_id: int, wait: float) -> Encoded:
    """A job that is known to be open costs no query before the wait, and one after it for all that waited so long."""
    place, read = (member.organization_id, job_id), partial(_read, services, member, job_id)
    if not services.watch.knows_open(*place):
        first = await services.made_anew.make(place, read)
        if first.ended:
            return first
    await services.watch.until_ended_or_asking(job_id, wait)
    return await services.made_anew.make(place, read)


async def _read(services: Services, member: Member, job_id: int, *, anew: bool = False) -> Encoded:
    """The job from the catalogue; `anew` has its run read, too, soon or, for the first client, before the answer."""
    changes = services.answers.changes
    async with services.sessions() as session:
        job = await require_job(session, member, job_id)
        if anew:
            await read_known(job, session, services.watch)
    return services.answers.keep(member.organization_id, view(job, services.watch.run_of(job.id)), changes)
