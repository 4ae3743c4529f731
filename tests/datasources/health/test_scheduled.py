"""Which runs of a schedule go ahead, and with which steps."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select, update

from datasources.catalogue.jobs import end_job
from datasources.catalogue.scheduled import FULL, QUICK, Begun, Due, begin
from datasources.catalogue.tables import DataSource, Job
from datasources.health.plan import Plan
from datasources.model.results import Published, StepResult
from datasources.model.vocabulary import Code, JobStatus, Outcome
from tests.datasources.health.kit import make_source, open_job
from tests.fix_catalogue import Sessions

NOW = datetime.now(UTC)


async def start(
    sessions: Sessions,
    source: int,
    late: float = 0,
    run: UUID | None = None,
    now: datetime = NOW,
    slots: int = 1000,
) -> Begun | str:
    """A run that is so many seconds late."""
    async with sessions.begin() as session:
        due = Due(source, run or uuid4(), now - timedelta(seconds=late))
        return await begin(session, due, now, 300, slots)


async def job_of(sessions: Sessions, begun: Begun | str) -> Job:
    """The job of a run that went ahead."""
    assert isinstance(begun, Begun)
    async with sessions() as session:
        return await session.get_one(Job, begun.job_id)


async def finish(sessions: Sessions, job: Job, passed: bool, at: datetime) -> None:
    """All of its steps end."""
    result = StepResult(
        code=Code.OK if passed else Code.ERROR, message="", outcome=Outcome.success if passed else Outcome.failed
    )
    published = [Published(job_id=job.id, task=step, result=result, ended_at=at) for step in job.steps]
    async with sessions.begin() as session:
        assert await end_job(session, job, JobStatus.done if passed else JobStatus.failed, published)


async def test_a_job_of_its_own(sessions: Sessions, organization_id: int) -> None:
    """Open, of this run, that asks nobody; the same run that begins again gets the same job."""
    source, run = await make_source(sessions, organization_id, every=60), uuid4()
    begun = await start(sessions, source, run=run)
    job = await job_of(sessions, begun)
    assert (job.flow_run_id, job.trigger, job.on_question, job.ended_at) == (run, "schedule", "fail", None)
    assert await start(sessions, source, run=run) == begun
    await finish(sessions, job, True, NOW)
    assert "has ended" in str(await start(sessions, source, run=run))


async def test_late_ones(sessions: Sessions, organization_id: int) -> None:
    """Dropped when a newer one is due, by interval or by cron; a little late is no matter."""
    minutely = await make_source(sessions, organization_id, every=60)
    assert "newer" in str(await start(sessions, minutely, late=60))
    assert isinstance(await start(sessions, minutely, late=59), Begun)
    quick = await make_source(sessions, organization_id, every=10)
    assert "newer" in str(await start(sessions, quick, late=31))
    assert isinstance(await start(sessions, quick, late=29), Begun)
    nightly = await make_source(sessions, organization_id)
    async with sessions.begin() as session:
        plan = Plan(cron="0 4 * * *", timezone="Europe/Berlin").plain()
        await session.execute(update(DataSource).where(DataSource.id == nightly).values(plan=plan))
    four = datetime(2026, 7, 1, 2, tzinfo=UTC)  # four o'clock in Berlin, in summer
    day_late = timedelta(hours=24)
    assert "2026-07-02T02:00:00" in str(await start(sessions, nightly, late=86400, now=four + day_late))
    assert isinstance(await start(sessions, nightly, late=86399, now=four + day_late - timedelta(seconds=1)), Begun)


async def test_others_first(sessions: Sessions, organization_id: int) -> None:
    """Dropped while another test of the source is open, while it is paused, and when it is gone."""
    source = await make_source(sessions, organization_id, every=60)
    job = await open_job(sessions, source)
    assert f"Job {job.id}" in str(await start(sessions, source))
    paused = await make_source(sessions, organization_id, every=60, fields={"is_paused": True})
    assert "paused" in str(await start(sessions, paused))
    gone = await make_source(sessions, organization_id, every=60, deleted_at=NOW)
    assert "no longer exists" in str(await start(sessions, gone))


async def test_all_steps_once_a_day(sessions: Sessions, organization_id: int) -> None:
    """And again until they pass."""
    source = await make_source(sessions, organization_id, every=60)
    steps = []
    for hours, passed in ((0, False), (1, True), (2, True), (24.9, True), (25.1, True), (26, True)):
        now = NOW + timedelta(hours=hours)
        job = await job_of(sessions, await start(sessions, source, now=now))
        steps.append(job.steps)
        await finish(sessions, job, passed, now)
    assert steps == [FULL, FULL, QUICK, QUICK, FULL, QUICK]


async def test_without_a_slot(sessions: Sessions, organization_id: int) -> None:
    """The run drops itself and leaves a job that waits for its turn; a later run finds that job and leaves no other."""
    source = await make_source(sessions, organization_id, every=60)
    said = str(await start(sessions, source, slots=0))
    assert "waits for its turn" in said
    async with sessions() as session:
        (job,) = await session.scalars(select(Job).where(Job.source_id == source))
    assert (job.trigger, job.steps, job.flow_run_id, job.dispatched_at) == ("schedule", FULL, None, None)
    assert f"job {job.id} " in said
    assert f"Job {job.id} " in str(await start(sessions, source))
