"""What handlers ask for by name: services, the member who asks, a session of the catalogue."""

from collections.abc import AsyncIterator
from typing import Any

from litestar import Request
from litestar.datastructures import State
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Member
from api.runtime import Services
from api.wire.errors import Problem
from datasources.catalogue.jobs.jobs import find_job
from datasources.catalogue.jobs.queue import lock_source
from datasources.catalogue.sources import find_source
from datasources.catalogue.tables import DataSource, Job

ApiRequest = Request[Member, None, State]
ServicesDep = NamedDependency[Services]
MemberDep = NamedDependency[Member]
Session = AsyncSession
"""How handlers name it: no route knows SQLAlchemy."""
SessionDep = NamedDependency[AsyncSession]


async def provide_services(state: State) -> Services:
    """The services of this process."""
    services: Services = state.services
    return services


async def provide_member(request: Request[Any, Any, Any]) -> Member:
    """The member who sent the request."""
    member: Member = request.user
    return member


async def provide_session(state: State) -> AsyncIterator[AsyncSession]:
    """A session; handlers commit it themselves, before they notify any other part."""
    async with state.services.sessions() as session:
        yield session


async def require_source(
    session: AsyncSession, member: Member, source_id: int, *, for_change: bool = False
) -> DataSource:
    """The source. Raises 404, whether the id is unknown or another organization's."""
    source = await find_source(session, member.organization_id, source_id, for_change=for_change)
    if source is None:
        raise Problem(404, "Data source not found")
    return source


async def lock_source_for_test(session: AsyncSession, member: Member, source_id: int) -> DataSource:
    """The source, its queue locked for this transaction. Raises 404 as `require_source` does.

    Take it when the whole request has arrived: a client that sends slowly would hold up all others.
    """
    source = await lock_source(session, source_id, member.organization_id)
    if source is None:
        raise Problem(404, "Data source not found")
    return source


async def require_job(session: AsyncSession, member: Member, job_id: int) -> Job:
    """The job. Raises 404, whether the id is unknown or another organization's."""
    job = await find_job(session, member.organization_id, job_id)
    if job is None:
        raise Problem(404, "Job not found")
    return job
