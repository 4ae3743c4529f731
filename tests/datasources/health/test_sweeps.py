"""Sweeps in the catalogue: who claims what, what counts, and what becomes of a run that is lost."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from msgspec import structs
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.health.claims import LEASE, Claimed, Limits, claim, give_back, renew
from datasources.catalogue.health.record_check import FULL, Checked, record_sweep
from datasources.catalogue.health.sweeps import (
    AWAITED,
    SILENCE,
    Round,
    begin_sweep,
    end_sweep,
    is_awaited,
    is_under_way,
    join_sweep,
    left_over,
    not_begun,
    take_up,
)
from datasources.catalogue.jobs.by_hand import begin
from datasources.catalogue.jobs.jobs import end_job
from datasources.catalogue.jobs.queue import give_slots
from datasources.catalogue.tables import DataSource, HealthRecord, Job, SourceCheck, StatusChange, Sweep, Timetable
from datasources.health.plan import Plan
from datasources.health.sweeps import FULL_EVERY
from datasources.model.vocabulary import JobStatus
from tests.datasources.health.kit import connection, make_source, open_job
from tests.fixtures.catalogue import Sessions
from tests.wire.answers import problems

EVERY = Plan(interval_seconds=300)
LONG = timedelta(days=1)


async def make_round(sessions: Sessions, organization_id: int, count: int, **columns: Any) -> Round:
    """A sweep that is due now, over so many new sources."""
    async with sessions.begin() as session:
        timetable = Timetable(organization_id=organization_id, plan=EVERY.plain())
        session.add(timetable)
        await session.flush()
        timetable_id = timetable.id
    for _ in range(count):
        await make_source(sessions, organization_id, every=300, timetable_id=timetable_id, **columns)
    return await begun(sessions, timetable_id, datetime.now(UTC))


async def begun(sessions: Sessions, timetable_id: int, due: datetime) -> Round:
    """The sweep of this moment."""
    async with sessions.begin() as session:
        found = await begin_sweep(session, timetable_id, due, datetime.now(UTC))
    assert isinstance(found, Round), found
    return found


async def claims(
    sessions: Sessions, round_: Round, owner: UUID, *ids: int, lost: bool = False, first_tests: int = 0
) -> Claimed:
    """What this run gets; `lost` has it take claims that do not hold any more for lost."""
    async with sessions.begin() as session:
        before = datetime.now(UTC) - (timedelta() if lost else LONG)
        return await claim(session, round_, owner, ids or list(round_.checked_for), before, Limits(300, first_tests))


async def write(
    sessions: Sessions, round_: Round, owner: UUID, *ids: int, passed: bool = True, steps: list[str] | None = None
) -> int:
    """The checks of these sources end; answers how many counted."""
    ended = [connection(passed, datetime.now(UTC))]
    checks = [Checked(source_id=each, revision=1, steps=steps or ["connection"], published=ended) for each in ids]
    async with sessions.begin() as session:
        return len(await record_sweep(session, owner, round_.due_at, checks, 300))


async def expire(sessions: Sessions, owner: UUID) -> None:
    """This run has given no sign of life for a while."""
    async with sessions.begin() as session:
        held = SourceCheck.owner == owner, SourceCheck.claimed_until.is_not(None)
        await session.execute(update(SourceCheck).where(*held).values(claimed_until=datetime.now(UTC) - LEASE))


async def left(sessions: Sessions, round_: Round) -> list[int]:
    """What the sweep still has to check."""
    async with sessions() as session:
        return sorted(await left_over(session, round_.timetable_id, round_.due_at, datetime.now(UTC)))


async def rows(sessions: Sessions, table: Any, source_id: int) -> list[Any]:
    """Rows of this table about a source."""
    async with sessions() as session:
        return list(await session.scalars(select(table).where(table.source_id == source_id).order_by(table.id)))


async def test_each_source_is_checked_once(sessions: Sessions, organization_id: int) -> None:
    """Two runs at once get different sources, one that comes later gets none, and the next sweep gets all."""
    round_, first, second = await make_round(sessions, organization_id, 4), uuid4(), uuid4()
    a, b, c, d = sorted(round_.checked_for)
    assert {source.id for source in (await claims(sessions, round_, first, a, b)).sources} == {a, b}
    assert {source.id for source in (await claims(sessions, round_, second)).sources} == {c, d}
    assert not (await claims(sessions, round_, uuid4())).sources
    assert await left(sessions, round_) == []
    assert await write(sessions, round_, first, a, b) == 2
    async with sessions() as session:
        assert await is_under_way(session, round_.timetable_id, round_.due_at)
    assert await write(sessions, round_, second, c, d) == 2
    async with sessions() as session:
        assert not await is_under_way(session, round_.timetable_id, round_.due_at)
    assert not (await claims(sessions, round_, uuid4(), lost=True)).sources
    assert [len(await rows(sessions, HealthRecord, each)) for each in (a, b, c, d)] == [1] * 4
    later = await begun(sessions, round_.timetable_id, round_.due_at + timedelta(milliseconds=1))
    assert {source.id for source in (await claims(sessions, later, first)).sources} == {a, b, c, d}


async def test_a_late_sweep_of_a_short_interval(sessions: Sessions, organization_id: int) -> None:
    """It goes ahead although the next one is due: on a busy machine, these sources would never be checked otherwise."""
    often = Plan(interval_seconds=10)
    async with sessions.begin() as session:
        timetable = Timetable(organization_id=organization_id, plan=often.plain())
        session.add(timetable)
        await session.flush()
        timetable_id = timetable.id
    source = await make_source(sessions, organization_id, every=10, timetable_id=timetable_id)
    late = await begun(sessions, timetable_id, datetime.now(UTC) - timedelta(seconds=25))
    assert late.ends_at is not None
    assert late.ends_at > datetime.now(UTC)
    owner = uuid4()
    assert [each.id for each in (await claims(sessions, late, owner)).sources] == [source]
    assert await write(sessions, late, owner, source) == 1


async def test_what_is_written_twice_counts_once(sessions: Sessions, organization_id: int) -> None:
    """A run that does not know whether its results were kept writes them again; what others claimed is not its own."""
    round_, owner = await make_round(sessions, organization_id, 2), uuid4()
    a, b = sorted(round_.checked_for)
    await claims(sessions, round_, owner, a)
    assert [await write(sessions, round_, owner, a, b), await write(sessions, round_, owner, a)] == [1, 0]
    (record,) = await rows(sessions, HealthRecord, a)
    assert (record.job_id, record.trigger, record.passed, record.expected_seconds) == (None, "schedule", True, 300)
    assert await rows(sessions, HealthRecord, b) == []
    async with sessions() as session:
        row = await session.get_one(DataSource, a)
        assert (row.status, row.last_test["results"][0]["status"]) == ("active", "done")  # type: ignore[index]


async def test_the_newest_test_of_a_source(sessions: Sessions, organization_id: int) -> None:
    """A check of a sweep answers all four steps, and keeps what a full test had found of those that it does not have."""
    round_, owner = await make_round(sessions, organization_id, 1), uuid4()
    (source,) = round_.checked_for
    await claims(sessions, round_, owner)
    await write(sessions, round_, owner, source, passed=False)
    async with sessions() as session:
        row = await session.get_one(DataSource, source)
    assert problems(row.last_test, "LastTest") == []
    assert [step["result"]["code"] for step in row.last_test["results"]] == ["ERROR", *["SKIP"] * 3]  # type: ignore[index]
    (job,) = await rows(sessions, Job, source)  # the full test that says why
    steps = [structs.replace(connection(True, datetime.now(UTC)), task=step) for step in FULL]
    async with sessions.begin() as session:
        assert await end_job(session, job, JobStatus.done, steps)
    later = await begun(sessions, round_.timetable_id, round_.due_at + timedelta(milliseconds=1))
    await claims(sessions, later, owner)
    await write(sessions, later, owner, source, passed=False)
    async with sessions() as session:
        row = await session.get_one(DataSource, source)
    assert problems(row.last_test, "LastTest") == []
    assert [step["result"]["code"] for step in row.last_test["results"]] == ["ERROR", *["OK"] * 3]  # type: ignore[index]


async def test_a_lost_run(sessions: Sessions, organization_id: int) -> None:
    """What it was at is tested by runs of their own, once, and its late results do not count."""
    round_, lost, heir = await make_round(sessions, organization_id, 3), uuid4(), uuid4()
    a, b, c = sorted(round_.checked_for)
    await claims(sessions, round_, lost, a, b)
    await write(sessions, round_, lost, a)
    await expire(sessions, lost)
    assert await left(sessions, round_) == [b, c]
    assert [s.id for s in (await claims(sessions, round_, heir)).sources] == [c]  # while the catalogue may just be back
    found = await claims(sessions, round_, heir, lost=True)
    assert ([*found.sources], [*found.alone]) == ([], [b])
    (job,) = await rows(sessions, Job, b)
    assert (job.trigger, job.steps, job.flow_run_id) == ("schedule", ["connection", "version_probe"], None)
    assert await left(sessions, round_) == []
    assert await write(sessions, round_, lost, b) == 0

    later = await begun(sessions, round_.timetable_id, round_.due_at + timedelta(milliseconds=1))
    assert b not in {source.id for source in (await claims(sessions, later, heir)).sources}  # its test is still open
    async with sessions.begin() as session:
        assert await end_job(session, job, JobStatus.done, [connection(True, datetime.now(UTC))])
    last = await begun(sessions, round_.timetable_id, round_.due_at + timedelta(milliseconds=2))
    assert [source.id for source in (await claims(sessions, last, heir, b)).sources] == [b]


async def test_what_kills_its_process_stays_alone(sessions: Sessions, organization_id: int) -> None:
    """A source whose own process was lost as well is not put among the others by the next sweep."""
    round_, owner = await make_round(sessions, organization_id, 1), uuid4()
    (source,) = round_.checked_for
    await claims(sessions, round_, owner)
    await expire(sessions, owner)
    await claims(sessions, round_, owner, lost=True)
    (job,) = await rows(sessions, Job, source)
    async with sessions.begin() as session:
        assert await end_job(session, job, JobStatus.failed, [])
    later = await begun(sessions, round_.timetable_id, round_.due_at + timedelta(milliseconds=1))
    found = await claims(sessions, later, owner)
    assert ([*found.sources], [*found.alone]) == ([], [source])


async def test_a_run_that_lives_or_stops(sessions: Sessions, organization_id: int) -> None:
    """Its claims hold as long as it renews them; what it gives back is checked by others as if nothing had been."""
    round_, owner = await make_round(sessions, organization_id, 1), uuid4()
    (source,) = round_.checked_for
    await claims(sessions, round_, owner)
    await expire(sessions, owner)
    async with sessions.begin() as session:
        await renew(session, owner, [source], datetime.now(UTC))
    assert not (await claims(sessions, round_, uuid4(), lost=True)).alone
    async with sessions.begin() as session:
        await give_back(session, owner)
    assert await left(sessions, round_) == [source]
    assert [s.id for s in (await claims(sessions, round_, uuid4())).sources] == [source]


async def test_no_other_test_at_the_same_time(sessions: Sessions, organization_id: int) -> None:
    """A sweep skips a source that is being tested; a test of a source that is being checked waits for its turn."""
    round_, owner = await make_round(sessions, organization_id, 2), uuid4()
    a, b = sorted(round_.checked_for)
    tested = await open_job(sessions, a)
    assert [source.id for source in (await claims(sessions, round_, owner)).sources] == [b]
    assert await left(sessions, round_) == []
    waiting = await open_job(sessions, b)

    async def given(lost_before: datetime) -> set[int]:
        async with sessions.begin() as session:
            return set(await give_slots(session, 1000, lost_before)) & {tested.id, waiting.id}

    assert await given(datetime.now(UTC)) == {tested.id}
    async with sessions.begin() as session:
        assert "already testing" in str(await begin(session, b, uuid4(), datetime.now(UTC), 300, 1000))
    assert await write(sessions, round_, owner, b) == 1
    assert await given(datetime.now(UTC)) == {waiting.id}


async def test_a_check_whose_claim_could_not_be_renewed(sessions: Sessions, organization_id: int) -> None:
    """It may go on while the catalogue is away: no test of its source begins before its run has had time to say so."""
    round_, owner = await make_round(sessions, organization_id, 1), uuid4()
    (source,) = round_.checked_for
    await claims(sessions, round_, owner)
    await expire(sessions, owner)
    waiting = await open_job(sessions, source)
    for lost_before, given in ((datetime.now(UTC) - LONG, False), (datetime.now(UTC), True)):
        async with sessions.begin() as session:
            assert (waiting.id in await give_slots(session, 1000, lost_before)) is given


async def test_a_source_that_becomes_failed(sessions: Sessions, organization_id: int) -> None:
    """It gets one full test of its own for the change of state, which names it; a source that stays failed gets none."""
    round_, owner = await make_round(sessions, organization_id, 1, down_after=1, up_after=1), uuid4()
    (source,) = round_.checked_for
    for number, passed in enumerate((True, False, False, True)):
        again = await begun(sessions, round_.timetable_id, round_.due_at + timedelta(milliseconds=number + 1))
        assert (await claims(sessions, again, owner)).sources
        assert await write(sessions, again, owner, source, passed=passed) == 1
        for job in await rows(sessions, Job, source):
            async with sessions.begin() as session:
                await end_job(session, job, JobStatus.cancelled, [])
    (job,) = await rows(sessions, Job, source)
    assert (job.steps, job.on_question, job.trigger) == (FULL, "fail", "schedule")
    down, up = await rows(sessions, StatusChange, source)
    assert [(change.became, change.job_id) for change in (down, up)] == [("failed", job.id), ("active", None)]
    async with sessions() as session:
        assert (await session.get_one(DataSource, source)).status == "active"


async def test_when_all_steps_are_due(sessions: Sessions, organization_id: int) -> None:
    """Of new sources as many as there may be, by runs of their own; then a day after they have passed, or at once."""
    round_, owner = await make_round(sessions, organization_id, 3), uuid4()
    found = await claims(sessions, round_, owner, first_tests=2)
    assert (len(found.full), len(found.sources), found.first_tests) == (2, 1, 2)
    a, b = found.full
    for source, passed in ((a, True), (b, False)):
        (job,) = await rows(sessions, Job, source)
        assert job.steps == FULL
        now = datetime.now(UTC)
        steps = [structs.replace(connection(passed or step == "connection", now), task=step) for step in FULL]
        async with sessions.begin() as session:
            assert await end_job(session, job, JobStatus.done if passed else JobStatus.failed, steps)
        async with sessions() as session:
            row = await session.get_one(DataSource, source)
        assert row.full_test_due_at == now + (FULL_EVERY if passed else timedelta())
    later = await begun(sessions, round_.timetable_id, round_.due_at + timedelta(milliseconds=1))
    again = await claims(sessions, later, owner, a, b)
    assert ([source.id for source in again.sources], [*again.full]) == ([a], [b])


async def test_paused_and_removed_ones_are_left_out(sessions: Sessions, organization_id: int) -> None:
    """Whether the source is paused, its schedule is, or it is gone; also when that happens during the sweep."""
    round_, owner = await make_round(sessions, organization_id, 4), uuid4()
    a, b, c, d = sorted(round_.checked_for)
    changes: list[tuple[int, dict[str, Any]]] = [
        (a, {"fields": {"is_paused": True}}),
        (b, {"checks_paused": True}),
        (c, {"deleted_at": datetime.now(UTC)}),
    ]
    async with sessions.begin() as session:
        for source, values in changes:
            await session.execute(update(DataSource).where(DataSource.id == source).values(**values))
    assert [source.id for source in (await claims(sessions, round_, owner)).sources] == [d]
    later = await begun(sessions, round_.timetable_id, round_.due_at + timedelta(milliseconds=1))
    assert list(later.checked_for) == [d]


async def test_sweeps_that_never_began(sessions: Sessions, organization_id: int) -> None:
    """A run that was lost too early has left no sign; it is missed soon after its moment, while it is not too late."""
    round_ = await make_round(sessions, organization_id, 1)
    timetable, due = round_.timetable_id, round_.due_at
    missing, much_later = due + timedelta(seconds=300), due + timedelta(seconds=700)
    async with sessions.begin() as session:
        await session.execute(update(Timetable).values(in_prefect=False))
        assert not await is_awaited(session, much_later)  # Prefect has no schedule, so nothing is due
        await session.execute(update(Timetable).where(Timetable.id == timetable).values(in_prefect=True))
        assert not await is_awaited(session, missing + AWAITED - timedelta(seconds=1))
        assert await is_awaited(session, missing + AWAITED)
    async with sessions() as session:
        moments = [(timetable, due), (timetable, missing), (0, missing)]
        assert await not_begun(session, moments, missing + AWAITED) == [(timetable, missing)]
        assert await not_begun(session, moments, much_later) == []
    async with sessions.begin() as session:
        await session.execute(delete(Sweep).where(Sweep.timetable_id == timetable))
        assert await is_awaited(session, due)  # never swept: its first one may be the one that was lost
        await session.execute(update(Timetable).values(in_prefect=False))


async def test_sweeps_that_lost_their_runs(sessions: Sessions, organization_id: int) -> None:
    """Each gets one more run while it has something to check; one that is over or has nothing left is ended."""
    rounds = [await make_round(sessions, organization_id, 1) for _ in range(3)]
    working, over, done = rounds
    owner = uuid4()
    await claims(sessions, done, owner)
    await write(sessions, done, owner, *done.checked_for)
    now, ids = datetime.now(UTC), [round_.sweep_id for round_ in rounds]

    async def taken_up(session: AsyncSession) -> list[tuple[int, int]]:
        return [(sweep_id, number) for sweep_id, number in await take_up(session, now) if sweep_id in ids]

    async with sessions.begin() as session:
        assert await taken_up(session) == []  # they have just been heard of
        await session.execute(update(Sweep).where(Sweep.id.in_(ids)).values(heard_at=now - SILENCE * 2))
        await session.execute(update(Sweep).where(Sweep.id == over.sweep_id).values(ends_at=now))
        assert await taken_up(session) == [(working.sweep_id, 2)]
        assert await taken_up(session) == []
    async with sessions.begin() as session:
        assert isinstance(await join_sweep(session, working.sweep_id, now), Round)
        for round_ in (over, done):
            assert "has ended" in str(await join_sweep(session, round_.sweep_id, now))
        await end_sweep(session, working.sweep_id, now)
        assert "has ended" in str(await begin_sweep(session, working.timetable_id, working.due_at, now))
        assert "no longer exists" in str(await begin_sweep(session, 0, now, now))
        assert "newer" in str(await begin_sweep(session, working.timetable_id, now - timedelta(seconds=301), now))
