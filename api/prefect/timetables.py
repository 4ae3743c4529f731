"""When a source is checked, as Prefect has it and as we have it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

from datasources.health.plan import Plan

ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)
GOLDEN = 0.6180339887498949
"""Multiples of it, without their whole part, are spread evenly however many there are."""


def timetable(source_id: int, plan: Plan) -> IntervalSchedule | CronSchedule:
    """As Prefect has it; sources of one interval are spread evenly over it."""
    if plan.cron is not None:
        return CronSchedule(cron=plan.cron, timezone=plan.timezone or "UTC")
    interval = timedelta(seconds=plan.interval_seconds or 0)
    return IntervalSchedule(interval=interval, anchor_date=ANCHOR + interval * (source_id * GOLDEN % 1))


def plan_of(found: DeploymentSchedule) -> Plan:
    """As we have it."""
    schedule: Any = found.schedule
    if isinstance(schedule, IntervalSchedule):
        return Plan(interval_seconds=schedule.interval.total_seconds(), active=found.active)
    if isinstance(schedule, CronSchedule):
        return Plan(cron=schedule.cron, timezone=schedule.timezone or "UTC", active=found.active)
    if isinstance(schedule, RRuleSchedule):
        return Plan(rrule=schedule.rrule, timezone=schedule.timezone, active=found.active)
    return Plan(active=found.active)
