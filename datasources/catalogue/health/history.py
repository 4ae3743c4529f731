"""The history of a source in the catalogue: records of single checks, and hours rolled up."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.tables import HealthRecord, HealthRollup
from datasources.health.times import Times
from datasources.health.uptime import HOUR, Record, Tally, floor, tally


class Facts(Struct, frozen=True):
    """Figures about the failures of a source."""

    failures_24h: int
    last_failure_at: datetime | None


async def newest(
    session: AsyncSession, source_id: int, limit: int, since: datetime, before: datetime | None = None
) -> Sequence[HealthRecord]:
    """The newest checks since then, newest first; those `before` a moment, if there is one."""
    chosen = select(HealthRecord).where(HealthRecord.source_id == source_id, HealthRecord.checked_at >= since)
    if before is not None:
        chosen = chosen.where(HealthRecord.checked_at < before)
    order = HealthRecord.checked_at.desc(), HealthRecord.id.desc()
    return (await session.scalars(chosen.order_by(*order).limit(limit))).all()


async def last(session: AsyncSession, source_id: int) -> HealthRecord | None:
    """The newest check that counts and says something about the source."""
    chosen = select(HealthRecord).where(*_telling(source_id))
    return (await session.scalars(chosen.order_by(HealthRecord.checked_at.desc()).limit(1))).first()


async def facts(session: AsyncSession, source_id: int, now: datetime) -> Facts:
    """How often it failed lately, and when last, in checks of any kind."""
    failed = HealthRecord.source_id == source_id, HealthRecord.passed.is_(False)
    lately = select(func.count()).where(*failed, HealthRecord.checked_at > now - timedelta(hours=24))
    return Facts(
        failures_24h=await session.scalar(lately) or 0,
        last_failure_at=await session.scalar(select(func.max(HealthRecord.checked_at)).where(*failed)),
    )


async def tallies(
    session: AsyncSession, source_id: int, spans: Sequence[timedelta], now: datetime
) -> dict[timedelta, Tally]:
    """The stretches of these lengths that end now. Each begins at a full hour, and so may be up to an hour longer."""
    starts = {span: floor(now - span) for span in spans}
    hours = await read_rollups(session, source_id, min(starts.values()))
    raw_from = max(hours, default=None)
    raw_from = min(starts.values()) if raw_from is None else raw_from + HOUR
    records = await with_one_before(session, source_id, raw_from)
    end = max([now, *(record.checked_at + timedelta(microseconds=1) for record in records[-1:])])
    found: dict[timedelta, Tally] = {}
    for span, start in starts.items():
        found[span] = tally(records, max(start, raw_from), end)
        for hour, rolled_hour in hours.items():
            if hour >= start:
                found[span].join(rolled_hour)
    return found


async def read_rollups(session: AsyncSession, source_id: int, since: datetime) -> dict[datetime, Tally]:
    """Hours that have been rolled up, from this one on."""
    chosen = select(HealthRollup).where(HealthRollup.source_id == source_id, HealthRollup.hour >= since)
    return {
        row.hour: Tally(
            up=row.up_seconds,
            down=row.down_seconds,
            checks=row.checks,
            failures=row.failures,
            times=Times.read(row.response_times),
        )
        for row in await session.scalars(chosen.order_by(HealthRollup.hour))
    }


async def with_one_before(session: AsyncSession, source_id: int, since: datetime) -> list[Record]:
    """Checks since then that count, in the order of time, and the one before, whose verdict may still have held."""
    columns = (
        HealthRecord.checked_at,
        HealthRecord.passed,
        HealthRecord.response_time_ms,
        HealthRecord.expected_seconds,
    )
    telling = select(*columns).where(*_telling(source_id))
    before = telling.where(HealthRecord.checked_at < since).order_by(HealthRecord.checked_at.desc()).limit(1)
    after = telling.where(HealthRecord.checked_at >= since).order_by(HealthRecord.checked_at, HealthRecord.id)
    rows = [*await session.execute(before), *await session.execute(after)]
    return [
        Record(checked_at=at, passed=bool(passed), response_time_ms=ms, expected_seconds=expected)
        for at, passed, ms, expected in rows
    ]


def _telling(source_id: int) -> tuple[ColumnElement[bool], ...]:
    """Checks of the source that say something about it, and that count."""
    return HealthRecord.source_id == source_id, HealthRecord.passed.is_not(None), HealthRecord.counts.is_(True)
