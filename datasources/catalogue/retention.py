"""What bounds the catalogue: hours are rolled up, and what is old is removed."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, inspect, select, true, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from datasources.catalogue.health.history import with_one_before
from datasources.catalogue.schemas.retention import remove_old_schemas
from datasources.catalogue.tables import Base, DataSource, HealthRecord, HealthRollup, Job, StatusChange, Sweep
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
    # Asked for each source, not for whole tables: an index answers at once, however long the history is.
    newest_hour = select(func.max(HealthRollup.hour)).where(HealthRollup.source_id == DataSource.id).scalar_subquery()
    first_check = select(func.min(HealthRecord.checked_at)).where(HealthRecord.source_id == DataSource.id)
    async with sessions() as session:
        found = await session.execute(select(DataSource.id, newest_hour, first_check.scalar_subquery()))
        begun = {row[0]: row[1] + HOUR if row[1] else floor(row[2]) for row in found if row[2] is not None}
    count = 0
    for source_id, start in begun.items():
        if start < end:
            count += await _roll_up_source(sessions, source_id, start, end)
    return count


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

    scheduled, history = Job.trigger == SCHEDULE, before(settings.keep_history_days)
    lately, told = before(settings.keep_scheduled_jobs_days), StatusChange.emitted_at.is_not(None)
    removals = [
        _old(Job, Job.ended_at, lately, scheduled),
        _old(Job, Job.ended_at, before(settings.keep_jobs_days), ~scheduled),
        _old(Sweep, Sweep.ended_at, lately),
        _old(StatusChange, StatusChange.changed_at, history, told),
        _old_of_sources(HealthRecord, HealthRecord.checked_at, before(settings.keep_records_days)),
        _old_of_sources(HealthRollup, HealthRollup.hour, history),
    ]
    count = sum([await _remove(sessions, table, chosen) for table, chosen in removals])
    return count + await remove_old_schemas(sessions, history)


Removal = tuple[type[Base], Select[Any]]
"""A table, and the keys of some rows of it that are to go."""


def _old(table: type[Base], moment: Any, before: datetime, *which: ColumnElement[bool]) -> Removal:
    """The oldest rows, for a table that an index or its own size makes quick to read."""
    return table, select(*inspect(table).primary_key).where(moment < before, *which).order_by(moment).limit(BATCH)


def _old_of_sources(table: Any, moment: Any, before: datetime) -> Removal:
    """Rows of any source: a probe of the index for each source, where a table of millions would be read whole."""
    keys = inspect(table).primary_key
    old = select(*keys).where(table.source_id == DataSource.id, moment < before).limit(BATCH).lateral("old")
    return table, select(*old.c).select_from(DataSource).join(old, true()).limit(BATCH)


async def _remove(sessions: Sessions, table: type[Base], chosen: Select[Any]) -> int:
    keys = inspect(table).primary_key
    count, found = 0, BATCH
    while found == BATCH:
        async with sessions.begin() as session:
            removed = await session.execute(delete(table).where(tuple_(*keys).in_(chosen)).returning(keys[0]))
            found = len(removed.all())
        count += found
    return count
