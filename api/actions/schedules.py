"""When the service checks a source on its own (docs/health.md)."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from api.limits import refuse_schedule
from api.prefect.client import Unreachable
from api.runtime import Services
from api.timetables import give_schedule, pause_schedule, read_schedule, take_schedule
from api.wanted_plans import plan_from
from api.wire.errors import Problem
from api.wire.requests import WantedSchedule
from datasources.catalogue.tables import DataSource
from datasources.health.plan import Plan

NO_SCHEDULE = "This data source has no schedule"


async def put(session: AsyncSession, services: Services, source: DataSource, wanted: WantedSchedule) -> Plan:
    """Check the source regularly from now on. Raises `Problem`: 422, 409 for too many, 503 without Prefect."""
    plan = plan_from(wanted, paused=bool(source.fields.get("is_paused")))
    await refuse_schedule(session, source, plan, services.settings, datetime.now(UTC))
    try:
        return await give_schedule(session, services.prefect.schedules, source, plan)
    except Unreachable as error:
        raise Problem(503, "Prefect does not answer; the schedule is unchanged") from error


async def read(session: AsyncSession, services: Services, source: DataSource) -> Plan:
    """The source's schedule as Prefect has it now. Raises `Problem`: 404 without one, 503 without Prefect."""
    try:
        plan = await read_schedule(session, services.prefect.schedules, source)
    except Unreachable as error:
        raise Problem(503, "Prefect does not answer") from error
    if plan is None:
        raise Problem(404, NO_SCHEDULE)
    return plan


async def pause(session: AsyncSession, services: Services, source: DataSource, *, paused: bool) -> Plan:
    """Pause the source's schedule, or go on with it.

    Raises `Problem`: 404 without a schedule, 409 when something else keeps it paused.
    """
    if source.plan is None:
        raise Problem(404, NO_SCHEDULE)
    if not paused and source.fields.get("is_paused"):
        raise Problem(409, "The data source itself is paused: edit it to resume its schedule")
    await pause_schedule(session, services.prefect.schedules, source, paused)
    plan = Plan.read(source.plan)
    if plan is None:
        raise Problem(404, NO_SCHEDULE)
    if not paused and not plan.active:
        raise Problem(409, "The schedule is paused in Prefect: resume it there")
    return plan


async def remove(session: AsyncSession, services: Services, source: DataSource) -> None:
    """Check the source no longer; its history stays. Raises `Problem`: 404 without a schedule, 503 without Prefect."""
    try:
        found = await take_schedule(session, services.prefect.schedules, source)
    except Unreachable as error:
        raise Problem(503, "Prefect does not answer; the schedule is unchanged") from error
    if not found:
        raise Problem(404, NO_SCHEDULE)
