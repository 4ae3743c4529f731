"""Hours that are rolled up are as good as the checks they came from, and what is old goes."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, func, select

from datasources.catalogue import retention
from datasources.catalogue.health import history
from datasources.catalogue.jobs.jobs import end_job
from datasources.catalogue.retention import remove_old, roll_up
from datasources.catalogue.tables import HealthRecord, HealthRollup, Job, StatusChange, Sweep, Timetable
from datasources.health.uptime import Tally, floor
from datasources.model.settings import Settings
from datasources.model.vocabulary import JobStatus
from tests.datasources.health.kit import connection, make_source, open_job
from tests.fixtures.catalogue import Sessions

NOW = datetime.now(UTC)
SPANS = [timedelta(hours=24), timedelta(days=7), timedelta(days=30)]


async def write(sessions: Sessions, source: int, *checks: tuple[datetime, bool]) -> None:
    """Records without their jobs, as if they had been written down in time."""
    async with sessions.begin() as session:
        first = await session.scalar(select(func.coalesce(func.max(HealthRecord.job_id), 0))) or 0
        for number, (at, passed) in enumerate(checks, start=first + 1_000_000):
            record = HealthRecord(
                source_id=source,
                job_id=number,
                checked_at=at,
                passed=passed,
                response_time_ms=float(number % 97),
                trigger="schedule",
                steps={},
                expected_seconds=300,
            )
            session.add(record)


async def figures(sessions: Sessions, source: int) -> list[Tally]:
    """Of each span."""
    async with sessions() as session:
        found = await history.tallies(session, source, SPANS, NOW)
    return [found[span] for span in SPANS]


async def hours(sessions: Sessions, source: int) -> int:
    """How many have been rolled up."""
    async with sessions() as session:
        counted = select(func.count()).select_from(HealthRollup).where(HealthRollup.source_id == source)
        return await session.scalar(counted) or 0


def same(found: list[Tally], expected: list[Tally]) -> None:
    """Equal, but for the order in which fractions were added."""
    for one, other in zip(found, expected, strict=True):
        assert (one.checks, one.failures, one.times.buckets) == (other.checks, other.failures, other.times.buckets)
        assert (one.times.least, one.times.greatest) == (other.times.least, other.times.greatest)
        assert (one.up, one.down, one.times.sum) == pytest.approx((other.up, other.down, other.times.sum))


async def test_rolled_up_is_as_good_as_raw(sessions: Sessions, organization_id: int) -> None:
    """Ten days with gaps and outages: the same figures before and after, and again without the checks."""
    source = await make_source(sessions, organization_id, every=300)
    chance = random.Random(6)
    moments = [NOW - timedelta(days=10) + timedelta(seconds=300 * n) for n in range(10 * 288)]
    await write(sessions, source, *((at, chance.random() < 0.8) for at in moments if chance.random() < 0.9))
    raw = await figures(sessions, source)
    assert raw[1].checks > 1500
    await roll_up(sessions, NOW)
    rolled = await hours(sessions, source)
    assert 235 <= rolled <= 241
    same(await figures(sessions, source), raw)
    await roll_up(sessions, NOW)
    assert await hours(sessions, source) == rolled
    async with sessions.begin() as session:
        old = HealthRecord.checked_at < NOW - timedelta(hours=3)
        await session.execute(delete(HealthRecord).where(HealthRecord.source_id == source, old))
    same(await figures(sessions, source), raw)


async def test_a_check_that_is_written_down_late(sessions: Sessions, organization_id: int) -> None:
    """Its hours are rolled up anew."""
    source = await make_source(sessions, organization_id, every=300)
    begin = NOW - timedelta(hours=6)
    await write(sessions, source, *((begin + timedelta(seconds=300 * n), True) for n in range(60)))
    await roll_up(sessions, NOW)
    before = await hours(sessions, source)
    job = await open_job(sessions, source)
    async with sessions.begin() as session:
        await end_job(session, job, JobStatus.failed, [connection(False, begin + timedelta(seconds=3750))])
    assert await hours(sessions, source) < before
    await roll_up(sessions, NOW)
    assert await hours(sessions, source) == before
    (day, *_) = await figures(sessions, source)
    assert (day.failures, day.down) == (1, pytest.approx(150))


async def test_old_rows_go(sessions: Sessions, organization_id: int) -> None:
    """Each kind at its own age; open jobs, and changes that nobody was told of, never."""
    source = await make_source(sessions, organization_id)
    await write(sessions, source, (NOW - timedelta(days=31), True), (NOW - timedelta(days=29), True))
    ages = {("schedule", 4): True, ("schedule", 2): False, ("test", 4): False, ("immediate", 91): True}
    jobs = {}
    for (trigger, days), goes in ages.items():
        job = await open_job(sessions, source)
        async with sessions.begin() as session:
            row = await session.get_one(Job, job.id)
            row.trigger, row.ended_at = trigger, NOW - timedelta(days=days)
        jobs[job.id] = goes
    jobs[(await open_job(sessions, source)).id] = False
    async with sessions.begin() as session:
        for number, emitted in enumerate((NOW, None)):
            change = StatusChange(
                source_id=source,
                job_id=2_000_000 + number,
                changed_at=NOW - timedelta(days=401),
                was="active",
                became="failed",
                emitted_at=emitted,
            )
            session.add(change)
    await roll_up(sessions, NOW)
    await remove_old(sessions, Settings(), NOW)
    async with sessions() as session:
        left = set(await session.scalars(select(Job.id).where(Job.source_id == source)))
        assert left == {job for job, goes in jobs.items() if not goes}
        records = select(HealthRecord.checked_at).where(HealthRecord.source_id == source)
        assert list(await session.scalars(records)) == [NOW - timedelta(days=29)]
        changes = select(StatusChange.emitted_at).where(StatusChange.source_id == source)
        assert list(await session.scalars(changes)) == [None]
    assert await hours(sessions, source) >= 2


async def test_what_is_old_goes_batch_by_batch(
    sessions: Sessions, organization_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rows there are of one source or of several; hours and rounds of sweeps have an end as well."""
    monkeypatch.setattr(retention, "BATCH", 3)
    sources = [await make_source(sessions, organization_id) for _ in range(2)]
    old, new = NOW - timedelta(days=500), NOW - timedelta(days=1)
    async with sessions.begin() as session:
        timetable = Timetable(organization_id=organization_id, plan={"interval_seconds": 300})
        session.add(timetable)
        await session.flush()
        for number in range(4):
            for moment in (old, new):
                at = moment + timedelta(hours=number)
                session.add(Sweep(timetable_id=timetable.id, due_at=at, heard_at=at, ended_at=at))
                for source in sources:
                    figures = {"checks": 1, "failures": 0, "up_seconds": 1, "down_seconds": 0, "response_times": {}}
                    session.add(HealthRollup(source_id=source, hour=floor(at), **figures))
    for source in sources:
        await write(sessions, source, *((old + timedelta(minutes=n), True) for n in range(8)))
    assert await remove_old(sessions, Settings(), NOW) >= 4 + 8 + 16
    async with sessions() as session:
        hours_left = select(HealthRollup.hour).where(HealthRollup.source_id.in_(sources))
        sweeps_left = select(Sweep.due_at).where(Sweep.timetable_id == timetable.id)
        records_left = select(HealthRecord.id).where(HealthRecord.source_id.in_(sources))
        assert {moment > old + timedelta(days=400) for moment in await session.scalars(hours_left)} == {True}
        assert len(list(await session.scalars(sweeps_left))) == 4
        assert list(await session.scalars(records_left)) == []
