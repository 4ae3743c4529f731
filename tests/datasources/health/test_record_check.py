"""What an ended check leaves behind in the catalogue."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from datasources.catalogue.health import history
from datasources.catalogue.health.overview import DRAFT
from datasources.catalogue.jobs.jobs import end_job
from datasources.catalogue.tables import DataSource, HealthRecord, StatusChange
from datasources.model.results import Published, StepResult
from datasources.model.vocabulary import Code, ErrorCode, JobStatus, Outcome
from tests.datasources.health.kit import check, connection, make_source, open_job
from tests.fixtures.catalogue import Sessions

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


async def source_row(sessions: Sessions, source_id: int) -> DataSource:
    """The source as it is now."""
    async with sessions() as session:
        return await session.get_one(DataSource, source_id)


async def records(sessions: Sessions, source_id: int) -> list[HealthRecord]:
    """Its records, oldest first."""
    async with sessions() as session:
        chosen = select(HealthRecord).where(HealthRecord.source_id == source_id).order_by(HealthRecord.checked_at)
        return list(await session.scalars(chosen))


async def changes(sessions: Sessions, source_id: int) -> list[StatusChange]:
    """Its changes of state, oldest first."""
    async with sessions() as session:
        chosen = select(StatusChange).where(StatusChange.source_id == source_id).order_by(StatusChange.id)
        return list(await session.scalars(chosen))


async def test_one_record_a_check(sessions: Sessions, organization_id: int) -> None:
    """With the time at which the check ended, not at which it was written down; whoever asked for it."""
    source = await make_source(sessions, organization_id, every=60)
    job = await check(sessions, source, True, NOW)
    (record,) = await records(sessions, source)
    assert (record.job_id, record.checked_at, record.passed) == (job, NOW, True)
    assert (record.response_time_ms, record.error_code, record.expected_seconds) == (7, None, 60)
    assert record.steps == {"connection": {"outcome": "success", "ms": 9}}
    row = await source_row(sessions, source)
    assert (row.last_tested_at, row.last_successful_connection_at, row.last_failed_connection_at) == (NOW, NOW, None)


async def test_the_first_writer_wins(sessions: Sessions, organization_id: int) -> None:
    """A job that is ended twice is one check."""
    source = await make_source(sessions, organization_id)
    job = await open_job(sessions, source)
    async with sessions.begin() as session:
        assert await end_job(session, job, JobStatus.failed, [connection(False, NOW)])
    async with sessions.begin() as session:
        assert not await end_job(session, job, JobStatus.done, [connection(True, NOW)])
    assert [record.passed for record in await records(sessions, source)] == [False]
    assert (await source_row(sessions, source)).failure_count == 1


async def test_a_draft_is_no_reason_for_an_alert(sessions: Sessions, organization_id: int) -> None:
    """It is down, and comes back, in front of the user who mends it: no one else is told."""
    draft = await make_source(sessions, organization_id, down_after=1, fields={"created_from": DRAFT})
    saved = await make_source(sessions, organization_id, down_after=1, fields={"created_from": "page"})
    for source in (draft, saved):
        for minute, passed in enumerate((True, False, True, True, True)):
            await check(sessions, source, passed, NOW + minute * MINUTE)
    assert (await source_row(sessions, draft)).status == "active"
    assert await changes(sessions, draft) == []
    assert [change.became for change in await changes(sessions, saved)] == ["failed", "active"]


async def test_cancelled_says_nothing(sessions: Sessions, organization_id: int) -> None:
    """No record, and the source is as before."""
    source = await make_source(sessions, organization_id)
    job = await open_job(sessions, source)
    async with sessions.begin() as session:
        assert await end_job(session, job, JobStatus.cancelled, [])
    assert await records(sessions, source) == []
    assert (await source_row(sessions, source)).last_tested_at is None


async def test_our_own_faults_are_not_the_source_s(sessions: Sessions, organization_id: int) -> None:
    """A lost worker leaves a record that counts for nothing: no failure, no change, no uptime."""
    source = await make_source(sessions, organization_id, every=60, down_after=1)
    await check(sessions, source, True, NOW)
    await check(sessions, source, False, NOW + MINUTE, code=ErrorCode.WORKER_LOST)
    found = await records(sessions, source)
    assert [(record.passed, record.error_code) for record in found] == [(True, None), (None, "WORKER_LOST")]
    row = await source_row(sessions, source)
    assert (row.status, row.failure_count, row.last_tested_at) == ("active", 0, NOW + MINUTE)
    async with sessions() as session:
        span = timedelta(hours=1)
        tally = (await history.tallies(session, source, [span], NOW + 2 * MINUTE))[span]
    assert (tally.up, tally.down, tally.checks) == (120, 0, 1)


async def test_somebody_s_mistaken_query_is_not_the_source_s_fault(sessions: Sessions, organization_id: int) -> None:
    """The source answered."""
    source = await make_source(sessions, organization_id)
    job = await open_job(sessions, source, steps=("connection", "test_query"))
    wrong = StepResult(
        code=Code.ERROR, message="division by zero", outcome=Outcome.failed, error_code=ErrorCode.QUERY_ERROR
    )
    query = Published(job_id=job.id, task="test_query", result=wrong, ended_at=NOW)
    async with sessions.begin() as session:
        await end_job(session, job, JobStatus.failed, [connection(True, NOW), query])
    assert [record.passed for record in await records(sessions, source)] == [True]
    assert (await source_row(sessions, source)).status == "active"


async def test_changes_of_state(sessions: Sessions, organization_id: int) -> None:
    """Down after three, up after two; one row each, with the check that decided, the reason and what to do."""
    source = await make_source(sessions, organization_id, every=60)
    jobs = [await check(sessions, source, sign == "+", NOW + n * MINUTE) for n, sign in enumerate("+---+-++")]
    down, up = await changes(sessions, source)
    assert (down.job_id, down.was, down.became, down.changed_at) == (jobs[3], "active", "failed", NOW + 3 * MINUTE)
    assert (down.reason, down.error_code, down.emitted_at) == ("Nobody listens", "CONNECTION_ERROR", None)
    assert (down.remediation, up.remediation) == ("Start the server", None)
    assert (up.job_id, up.was, up.became, up.reason) == (jobs[7], "failed", "active", None)
    row = await source_row(sessions, source)
    assert (row.status, row.status_since, row.failure_count, row.failure_reason) == (
        "active",
        NOW + 7 * MINUTE,
        0,
        None,
    )


async def test_checks_of_a_changed_source(sessions: Sessions, organization_id: int) -> None:
    """It needs its full number of them; one of the older revision that ends after it decides nothing, and is kept."""
    source = await make_source(sessions, organization_id)
    await check(sessions, source, True, NOW)
    await check(sessions, source, False, NOW + 2 * MINUTE, revision=2)
    await check(sessions, source, True, NOW + MINUTE, revision=1)
    row = await source_row(sessions, source)
    assert (row.status, row.failure_count, row.last_tested_at) == ("active", 1, NOW + 2 * MINUTE)
    assert [record.passed for record in await records(sessions, source)] == [True, True, False]
    for minutes in (3, 4):
        await check(sessions, source, False, NOW + minutes * MINUTE, revision=2)
    assert [(change.was, change.became) for change in await changes(sessions, source)] == [("active", "failed")]


async def test_tests_while_a_source_is_set_up(sessions: Sessions, organization_id: int) -> None:
    """Failures before the first pass are kept and are no part of the uptime, unless the request said so; later ones count."""
    source = await make_source(sessions, organization_id)
    asked = [(False, None), (False, True), (False, None), (True, None), (False, None), (False, False)]
    for minute, (passed, counts) in enumerate(asked):
        await check(sessions, source, passed, NOW + minute * MINUTE, trigger="test", counts=counts)
    assert [record.counts for record in await records(sessions, source)] == [False, True, False, True, True, False]
    now = NOW + 6 * MINUTE
    async with sessions() as session:
        span = timedelta(hours=1)
        tally = (await history.tallies(session, source, [span], now))[span]
        facts = await history.facts(session, source, now)
        last = await history.last(session, source)
    assert (tally.checks, tally.failures, tally.down, tally.up) == (3, 2, 240, 60)
    assert (facts.failures_24h, facts.last_failure_at) == (5, NOW + 5 * MINUTE)
    assert last is not None
    assert last.checked_at == NOW + 4 * MINUTE


async def test_a_scheduled_source_is_set_up(sessions: Sessions, organization_id: int) -> None:
    """A test by hand counts from then on, and a scheduled check always does."""
    source = await make_source(sessions, organization_id, every=60)
    await check(sessions, source, False, NOW, trigger="immediate")
    await check(sessions, source, False, NOW + MINUTE)
    assert [record.counts for record in await records(sessions, source)] == [True, True]


async def test_a_quick_check_hides_nothing(sessions: Sessions, organization_id: int) -> None:
    """A step that was not asked for keeps its newest result in `last_test`."""
    source = await make_source(sessions, organization_id)
    found = StepResult(code=Code.OK, message="Discovered 7 tables", outcome=Outcome.success)
    left_out = StepResult(code=Code.SKIP, message="Not asked for in this run", outcome=Outcome.skipped)
    for minutes, steps, result in ((0, ("connection", "schema_download"), found), (1, ("connection",), left_out)):
        at = NOW + minutes * MINUTE
        job = await open_job(sessions, source, steps=steps)
        schema = Published(job_id=job.id, task="schema_download", result=result, ended_at=at)
        async with sessions.begin() as session:
            assert await end_job(session, job, JobStatus.failed, [connection(minutes == 0, at), schema])
    last = (await source_row(sessions, source)).last_test
    assert last is not None
    assert last["tested_at"].startswith("2026-05-04T12:31:00")
    said = {step["step"]: step["result"]["message"] for step in last["results"]}
    never = dict.fromkeys(("temp_schema", "lineage_download"), left_out.message)
    assert said == never | {"connection": "Nobody listens", "schema_download": "Discovered 7 tables"}
