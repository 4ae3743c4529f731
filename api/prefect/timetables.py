"""When sources are checked, as Prefect has it and as we have it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

from datasources.health.plan import Plan
from datasources.health.sweeps import place

ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)


def in_prefect_words(timetable_id: int, plan: Plan) -> IntervalSchedule | CronSchedule | RRuleSchedule:
    """As Prefect has it; timetables of one interval are spread evenly over it."""
    if plan.rrule is not None:
        return RRuleSchedule(rrule=plan.rrule, timezone=plan.timezone or "UTC")
    if plan.cron is not None:
        return CronSchedule(cron=plan.cron, timezone=plan.timezone or "UTC")
    interval = timedelta(seconds=plan.interval_seconds or 0)
    return IntervalSchedule(interval=interval, anchor_date=ANCHOR + interval * place(timetable_id))


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
