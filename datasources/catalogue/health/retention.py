"""What bounds the catalogue: hours are rolled up, and what is old is removed."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from datasources.catalogue.health.history import with_one_before
from datasources.catalogue.schemas.retention import remove_old_schemas
from datasources.catalogue.tables import DataSource, HealthRecord, HealthRollup, Job, StatusChange
from datasources.health.uptime import HOUR, Tally, floor, hourly
from datasources.model.settings import Settings
from datasources.model.steps import SCHEDULE

ROLL_UP_DELAY = timedelta(minutes=10)
"""An hour is rolled up so long after its end: few checks are written down later than that."""
BATCH = 5000
"""Rows removed in one transaction."""

Sessions = async_sessionmaker[AsyncSession]


async def roll_up(sessions: Sessions, now: datetime) -> int:
    """Write every hour that is over and not rolled up yet; answers how many there were."""
    end = floor(now - ROLL_UP_DELAY)
    async with sessions() as session:
        latest = {row[0]: row[1] + HOUR for row in await session.execute(_hours(func.max(HealthRollup.hour)))}
        oldest = select(HealthRecord.source_id, func.min(HealthRecord.checked_at)).group_by(HealthRecord.source_id)
        starts = {row[0]: floor(row[1]) for row in await session.execute(oldest)}
    count = 0
    for source_id, first in starts.items():
        start = latest.get(source_id, first)
        if start < end:
            count += await _roll_up_source(sessions, source_id, start, end)
    return count


def _hours(figure: ColumnElement[datetime]) -> Any:
    return select(HealthRollup.source_id, figure).group_by(HealthRollup.source_id)


async def _roll_up_source(sessions: Sessions, source_id: int, start: datetime, end: datetime) -> int:
    async with sessions.begin() as session:
        # A transaction that ends a check of the source waits for us, and we wait for it: no check is missed in between.
        await session.execute(select(DataSource.id).where(DataSource.id == source_id).with_for_update(key_share=True))
        records = [record for record in await with_one_before(session, source_id, start) if record.checked_at < end]
        rows = [_row(source_id, hour, tally) for hour, tally in hourly(records, start, end).items()]
        if rows:
            written = insert(HealthRollup).values(rows)
            await session.execute(written.on_conflict_do_nothing())
    return len(rows)


def _row(source_id: int, hour: datetime, tally: Tally) -> dict[str, Any]:
    return {
        "source_id": source_id,
        "hour": hour,
        "checks": tally.checks,
        "failures": tally.failures,
        "up_seconds": tally.up,
        "down_seconds": tally.down,
        "response_times": tally.times.plain(),
    }


async def remove_old(sessions: Sessions, settings: Settings, now: datetime) -> int:
    """Remove what is older than the settings say; answers how many rows. Roll up first."""

    def before(days: int) -> datetime:
        return now - timedelta(days=days)

    scheduled = Job.trigger == SCHEDULE
    count = await _remove(sessions, Job, scheduled, Job.ended_at < before(settings.keep_scheduled_jobs_days))
    count += await _remove(sessions, Job, ~scheduled, Job.ended_at < before(settings.keep_jobs_days))
    count += await _remove(sessions, HealthRecord, HealthRecord.checked_at < before(settings.keep_records_days))
    old = before(settings.keep_history_days)
    told = StatusChange.emitted_at.is_not(None)
    count += await _remove(sessions, StatusChange, told, StatusChange.changed_at < old)
    async with sessions.begin() as session:
        await session.execute(delete(HealthRollup).where(HealthRollup.hour < old))
    return count + await remove_old_schemas(sessions, old)


async def _remove(
    sessions: Sessions, table: type[Job | HealthRecord | StatusChange], *which: ColumnElement[bool]
) -> int:
    count = 0
    while True:
        async with sessions.begin() as session:
            chosen = select(table.id).where(*which).order_by(table.id).limit(BATCH)
            removed = await session.execute(delete(table).where(table.id.in_(chosen)).returning(table.id))
            found = len(removed.all())
        count += found
        if found < BATCH:
            return count
