"""Which runs that an operator starts in Prefect go ahead."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import select

from datasources.catalogue.jobs.by_hand import Begun, begin
from datasources.catalogue.jobs.jobs import end_job
from datasources.catalogue.tables import Job
from datasources.model.steps import KindOfTest, steps_of
from datasources.model.vocabulary import JobStatus
from tests.datasources.health.kit import connection, make_source, open_job
from tests.fixtures.catalogue import Sessions

NOW = datetime.now(UTC)


async def start(sessions: Sessions, source: int, run: UUID | None = None, slots: int = 1000) -> Begun | str:
    """A run of this source."""
    async with sessions.begin() as session:
        return await begin(session, source, run or uuid4(), NOW, 300, slots)


async def test_a_job_of_its_own(sessions: Sessions, organization_id: int) -> None:
    """Open, of this run, that asks no questions; the same run that begins again gets the same job."""
    source, run = await make_source(sessions, organization_id), uuid4()
    begun = await start(sessions, source, run=run)
    assert isinstance(begun, Begun)
    async with sessions() as session:
        job = await session.get_one(Job, begun.job_id)
    assert (job.flow_run_id, job.trigger, job.on_question, job.ended_at) == (run, "schedule", "fail", None)
    assert job.steps == steps_of(KindOfTest.full)
    assert await start(sessions, source, run=run) == begun
    async with sessions.begin() as session:
        assert await end_job(session, job, JobStatus.done, [connection(True, NOW)])
    assert "has ended" in str(await start(sessions, source, run=run))


async def test_others_first(sessions: Sessions, organization_id: int) -> None:
    """Dropped while another test of the source is open, while it is paused, and when it is gone."""
    source = await make_source(sessions, organization_id)
    job = await open_job(sessions, source)
    assert f"Job {job.id}" in str(await start(sessions, source))
    paused = await make_source(sessions, organization_id, fields={"is_paused": True})
    assert "paused" in str(await start(sessions, paused))
    gone = await make_source(sessions, organization_id, deleted_at=NOW)
    assert "no longer exists" in str(await start(sessions, gone))


async def test_without_a_slot(sessions: Sessions, organization_id: int) -> None:
    """The run drops itself and leaves a job that waits for its turn; a later run finds that job and leaves no other."""
    source = await make_source(sessions, organization_id)
    said = str(await start(sessions, source, slots=0))
    assert "waits for its turn" in said
    async with sessions() as session:
        (job,) = await session.scalars(select(Job).where(Job.source_id == source))
    assert (job.trigger, job.flow_run_id, job.dispatched_at) == ("schedule", None, None)
    assert f"job {job.id} " in said
    assert f"Job {job.id} " in str(await start(sessions, source))
