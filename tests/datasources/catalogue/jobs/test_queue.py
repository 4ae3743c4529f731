"""Which jobs get a slot: by source, by organization, and never while they ask (docs/security.md, row 17)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest_asyncio
from sqlalchemy import delete, update

from datasources.catalogue.jobs.jobs import end_job
from datasources.catalogue.jobs.queue import HAND_OVER, give_slots, slots_held, to_hand_over
from datasources.catalogue.tables import Job, Organization
from datasources.model.vocabulary import JobStatus
from tests.datasources.health.kit import make_source, open_job
from tests.fixtures.catalogue import Sessions

SLOTS = 4


@pytest_asyncio.fixture
async def other_id(sessions: Sessions, organization_id: int) -> AsyncIterator[int]:
    """Another organization; no job is open when a test begins."""
    async with sessions.begin() as session:
        await session.execute(delete(Job).where(Job.ended_at.is_(None)))
        other = Organization(name=f"Others at {datetime.now(UTC)}")
        session.add(other)
        await session.flush()
        other_id = other.id
    yield other_id
    async with sessions.begin() as session:
        await session.execute(delete(Job).where(Job.ended_at.is_(None)))


async def jobs_of(sessions: Sessions, organization_id: int, count: int) -> list[int]:
    """Waiting jobs of as many sources."""
    sources = [await make_source(sessions, organization_id) for _ in range(count)]
    return [(await open_job(sessions, source)).id for source in sources]


async def give(sessions: Sessions, slots: int = SLOTS) -> list[int]:
    """The jobs that get a slot now."""
    async with sessions.begin() as session:
        return list(await give_slots(session, slots, datetime.now(UTC)))


async def change(sessions: Sessions, job: int, **values: Any) -> None:
    """What another process writes."""
    async with sessions.begin() as session:
        await session.execute(update(Job).where(Job.id == job).values(**values))


async def test_organizations_share(sessions: Sessions, organization_id: int, other_id: int) -> None:
    """One takes half of the slots; another finds room at once; an ended job gives its slot back."""
    many = await jobs_of(sessions, organization_id, 5)
    assert await give(sessions) == many[:2]
    (one,) = await jobs_of(sessions, other_id, 1)
    assert await give(sessions) == [one]
    async with sessions() as session:
        assert await slots_held(session) == {organization_id: 2, other_id: 1}
        assert [job.id for job, _ in await to_hand_over(session, [*many[:2], one])] == [*many[:2], one]
        ended = await session.get_one(Job, one)
    assert await give(sessions) == []
    async with sessions.begin() as session:
        await end_job(session, ended, JobStatus.cancelled, [])
    assert await give(sessions, SLOTS + 2) == many[2:3]


async def test_a_job_that_asks_has_no_slot(sessions: Sessions, organization_id: int, other_id: int) -> None:
    """While it asks, another gets its slot; once it is answered by the API, it waits for one like any other job."""
    first, second, third = await jobs_of(sessions, organization_id, 3)
    assert await give(sessions) == [first, second]
    await change(sessions, first, question={"kind": "query"})
    assert await give(sessions) == [third]
    await change(sessions, first, question=None, dispatched_at=None)
    assert await give(sessions) == []
    await change(sessions, second, ended_at=datetime.now(UTC))
    assert await give(sessions) == [first]


async def test_one_job_of_a_source(sessions: Sessions, organization_id: int, other_id: int) -> None:
    """The others of the source wait behind it, whatever is free."""
    source = await make_source(sessions, organization_id)
    first, second = [(await open_job(sessions, source)).id for _ in range(2)]
    assert await give(sessions, 100) == [first]
    assert await give(sessions, 100) == []
    await change(sessions, first, ended_at=datetime.now(UTC))
    assert await give(sessions, 100) == [second]


async def test_a_job_is_handed_over_by_the_process_that_gave_it_its_slot(
    sessions: Sessions, organization_id: int, other_id: int
) -> None:
    """Two processes do not both ask Prefect; when the first has not done so after seconds, any other one does."""
    mine, theirs = await jobs_of(sessions, organization_id, 2)
    assert await give(sessions) == [mine, theirs]
    async with sessions() as session:
        assert [job.id for job, _ in await to_hand_over(session, [mine])] == [mine]
    await change(sessions, theirs, dispatched_at=datetime.now(UTC) - HAND_OVER)
    async with sessions() as session:
        assert [job.id for job, _ in await to_hand_over(session, [mine])] == [mine, theirs]
    await change(sessions, theirs, flow_run_id=uuid4())
    async with sessions() as session:
        assert [job.id for job, _ in await to_hand_over(session, [mine])] == [mine]
