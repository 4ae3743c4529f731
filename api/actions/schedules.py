"""When a source is checked by itself (docs/health.md)."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from api.limits import refuse_schedule
from api.prefect.client import Unreachable
from api.runtime import Services
from api.wanted_plans import plan_from
from api.wire.errors import Problem
from api.wire.requests import WantedSchedule
from datasources.catalogue.sources import other_plans
from datasources.catalogue.tables import DataSource
from datasources.health.plan import Plan


async def put(session: AsyncSession, services: Services, source: DataSource, wanted: WantedSchedule) -> Plan:
    """Check the source regularly from now on. Raises `Problem`: 422, 409 for too many, 503 without Prefect."""
    plan = plan_from(wanted, paused=bool(source.fields.get("is_paused")))
    refuse_schedule(plan, await other_plans(session, source), services.settings, datetime.now(UTC))
    try:
        await services.prefect.schedules.put(source.id, plan, session)
    except Unreachable as error:
        raise Problem(503, "Prefect does not answer; the schedule is unchanged") from error
    await remember(session, source, plan)
    return plan


async def remove(session: AsyncSession, services: Services, source: DataSource) -> None:
    """Check the source no longer; its history stays. Raises `Problem`: 404 without a schedule, 503 without Prefect."""
    try:
        found = await services.prefect.schedules.remove(source.id)
    except Unreachable as error:
        raise Problem(503, "Prefect does not answer; the schedule is unchanged") from error
    source.plan = None
    await session.commit()
    if not found:
        raise Problem(404, "This data source has no schedule")


async def remember(session: AsyncSession, source: DataSource, plan: Plan) -> None:
    """Keep beside the source what Prefect has."""
    if source.plan != plan.plain():
        source.plan = plan.plain()
        await session.commit()
