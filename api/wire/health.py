"""The health of a source as it is answered, from its history."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from api.wire.schemas import Health, HealthCheck, HealthStep, Percentiles, Window, plain, whole
from datasources.catalogue.health import history
from datasources.catalogue.tables import DataSource, HealthRecord
from datasources.health.plan import Plan
from datasources.health.times import Times
from datasources.health.uptime import Record, Tally, stale

WindowName = Literal["24h", "7d", "30d", "90d"]
WINDOWS: dict[WindowName, timedelta] = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
DEFAULT_WINDOW: WindowName = "30d"
STATUSES: dict[bool | None, Literal["active", "failed", "inactive"]] = {
    True: "active",
    False: "failed",
    None: "inactive",
}
"""What a single check said, in the words of a source's status."""


async def health_of(
    session: AsyncSession, source: DataSource, limit: int, window: WindowName, before: datetime | None = None
) -> Health:
    """The newest `limit` checks of the window, those `before` a moment, and figures over all of it."""
    now = datetime.now(UTC)
    tallies = await history.tallies(session, source.id, list(WINDOWS.values()), now)
    records = await history.newest(session, source.id, limit, now - WINDOWS[window], before)
    first = records if before is None else await history.newest(session, source.id, 1, now - WINDOWS[window])
    last = await history.last(session, source.id)
    facts = await history.facts(session, source.id, now)
    times = tallies[WINDOWS[window]].times
    plan = Plan.read(source.plan)
    return Health(
        data_source_id=source.id,
        current_status=source.status,
        last_health_check=_check(first[0]) if first else None,
        health_history=[_check(record) for record in records],
        uptime_percentage=_rounded(tallies[WINDOWS[window]].uptime),
        avg_response_time_ms=whole(times.mean),
        min_response_time_ms=whole(times.least),
        max_response_time_ms=whole(times.greatest),
        failure_count_24h=facts.failures_24h,
        last_failure_at=facts.last_failure_at,
        status_since=source.status_since,
        stale=is_stale(last, now),
        expected_seconds=plain(plan.expected_seconds(now)) if plan else None,
        window=window,
        windows={str(name): _window(tallies[span]) for name, span in WINDOWS.items()},
        percentiles=_percentiles(times),
        steps=_steps(first[0]) if first else {},
    )


def _check(record: HealthRecord) -> HealthCheck:
    return HealthCheck(
        status=STATUSES[record.passed],
        response_time_ms=whole(record.response_time_ms),
        checked_at=record.checked_at,
        error_code=record.error_code,
        trigger=record.trigger,
        job_id=record.job_id,
        counts=record.counts,
    )


def is_stale(last: HealthRecord | None, now: datetime) -> bool:
    """Whether the newest check, if there was one, is too old to say anything about now."""
    if last is None:
        return True
    return stale(
        Record(checked_at=last.checked_at, passed=bool(last.passed), expected_seconds=last.expected_seconds), now
    )


def _window(tally: Tally) -> Window:
    return Window(
        uptime_percentage=_rounded(tally.uptime),
        up_seconds=round(tally.up, 3),
        down_seconds=round(tally.down, 3),
        checks=tally.checks,
        failures=tally.failures,
    )


def _percentiles(times: Times) -> Percentiles:
    p50, p95, p99 = (whole(times.percentile(share)) for share in (0.5, 0.95, 0.99))
    return Percentiles(p50=p50, p95=p95, p99=p99)


def _steps(record: HealthRecord) -> dict[str, HealthStep]:
    return {name: HealthStep(outcome=step["outcome"], duration_ms=step["ms"]) for name, step in record.steps.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
