"""An hour of outages: a real PostgreSQL that is stopped and started, and a clock that is told what time it is."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from datasources.catalogue.health import history
from datasources.catalogue.jobs.jobs import end_job
from datasources.catalogue.tables import DataSource, HealthRecord, StatusChange
from datasources.model.errors import CheckError
from datasources.model.results import Published
from datasources.model.vocabulary import JobStatus
from datasources.secrecy.scrubber import Scrubber
from tasks.context import StepContext
from tasks.judge import passed, refusal
from tasks.steps.connection import run
from tests.datasources.health.kit import make_source, open_job
from tests.fixtures.catalogue import Sessions
from tests.fixtures.servers.outage import Database, own_database

BEGIN = datetime(2026, 6, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

# The plan of the hour, a check at each full minute. The database is stopped just before the first minute of an outage
# and started just before the minute after its last; from 40 to 49 nobody checks at all (workers down).
OUTAGES = [range(10, 12), range(20, 25), range(30, 31), range(52, 57)]
SILENCE = range(40, 50)

# By hand. Checks: 60 - 10 = 50. Failures: 2 + 5 + 1 + 5 = 13. Down 13 minutes. The check at 39 holds until 41, so that 41
# to 50 is unknown: 9 minutes. Up: 60 - 13 - 9 = 38 minutes. Uptime 38 / 51. The outages of two minutes and of one are too
# short to count as a change; those of five do, at their third failure (22, 54), and end at the second pass (26, 58).
CHECKS, FAILURES, UP, DOWN = 50, 13, 38 * 60, 13 * 60
CHANGES = [(22, "active", "failed"), (26, "failed", "active"), (54, "active", "failed"), (58, "failed", "active")]


@pytest.fixture
def database() -> Iterator[Database]:
    """The database that has a bad hour."""
    with own_database() as found:
        yield found


async def look(database: Database, job_id: int, at: datetime) -> Published:
    """The step `connection`, really carried out; only its end is said to be at this moment."""
    source = database.server.source()
    check = StepContext(job_id=job_id, source_id=1, source=source, scrubber=Scrubber([]), deadline=time.time() + 30)
    try:
        result = passed(await run(check))
    except CheckError as error:
        result = refusal(error, "connection")
    return Published(job_id=job_id, task="connection", result=result, ended_at=at)


async def test_an_hour_of_outages(sessions: Sessions, organization_id: int, database: Database) -> None:
    """History, uptime and changes are those that were computed by hand."""
    source = await make_source(sessions, organization_id, every=60)
    is_up = True
    for minute in (minute for minute in range(60) if minute not in SILENCE):
        should_be_up = not any(minute in outage for outage in OUTAGES)
        if is_up != should_be_up:
            database.start() if should_be_up else database.stop()
            is_up = should_be_up
        job = await open_job(sessions, source)
        published = await look(database, job.id, BEGIN + minute * MINUTE)
        status = JobStatus.done if published.result.code == "OK" else JobStatus.failed
        async with sessions.begin() as session:
            assert await end_job(session, job, status, [published])

    async with sessions() as session:
        records = list(
            await session.scalars(
                select(HealthRecord).where(HealthRecord.source_id == source).order_by(HealthRecord.checked_at)
            )
        )
        failed = [round((record.checked_at - BEGIN) / MINUTE) for record in records if not record.passed]
        assert failed == [minute for outage in OUTAGES for minute in outage]
        assert {record.error_code for record in records if not record.passed} == {"CONNECTION_ERROR"}

        span = timedelta(minutes=59)  # from the full hour on
        tally = (await history.tallies(session, source, [span], BEGIN + 60 * MINUTE - timedelta(microseconds=1)))[span]
        assert (tally.checks, tally.failures) == (CHECKS, FAILURES)
        assert (tally.up, tally.down) == (pytest.approx(UP), pytest.approx(DOWN))
        assert tally.uptime == pytest.approx(100 * 38 / 51)

        changes = list(
            await session.scalars(
                select(StatusChange).where(StatusChange.source_id == source).order_by(StatusChange.id)
            )
        )
        found = [(round((change.changed_at - BEGIN) / MINUTE), change.was, change.became) for change in changes]
        assert found == CHANGES
        row = await session.get_one(DataSource, source)
        assert (row.status, row.failure_count, row.pass_count) == ("active", 0, 3)
