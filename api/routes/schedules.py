"""Health schedules (`docs/health.md`): when a source is checked without being asked."""

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import available_timezones

import msgspec
from cronsim import CronSim, CronSimError
from litestar import Controller, delete, get, put
from litestar.params import FromPath
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from api.dependencies import ApiRequest, MemberDep, ServicesDep, SessionDep, require_source
from api.prefect.client import Unreachable
from api.prefect.timetables import timetable
from api.routes.immediate import ERRORS
from api.wire.bodies import ScheduleBody
from api.wire.errors import Invalid, Problem, invalid
from api.wire.registration import decode
from api.wire.schemas import Envelope, Schedule
from datasources.catalogue.tables import DataSource
from datasources.health.plan import LEAST_SECONDS, Plan

MOST_SECONDS = 366 * 24 * 3600
CRON_FIELDS = 5
ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Wanted(Struct, frozen=True, forbid_unknown_fields=True):
    """What a schedule is made of."""

    interval_seconds: Annotated[int, Meta(ge=LEAST_SECONDS, le=MOST_SECONDS)] | None = None
    cron: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    timezone: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    active: bool = True


class ScheduleController(Controller):
    """`/api/v1/data-sources/{id}/health/schedule`."""

    path = "/api/v1/data-sources/{source_id:str}/health/schedule"
    tags = ("Health",)

    @put("/", operation_class=ScheduleBody, operation_id="put_health_schedule", responses=ERRORS)
    async def write(
        self,
        source_id: FromPath[int],
        request: ApiRequest,
        session: SessionDep,
        member: MemberDep,
        services: ServicesDep,
    ) -> Envelope[Schedule]:
        """Check a source regularly."""
        source = await require_source(session, member, source_id)
        plan = read_plan(await request.body(), paused=bool(source.fields.get("is_paused")))
        try:
            await services.prefect.schedules.put(source.id, plan, session)
        except Unreachable as error:
            raise Problem(503, "Prefect does not answer; the schedule is as it was") from error
        return Envelope(await _kept(session, source, plan), "Schedule saved")

    @get("/", operation_id="get_health_schedule", responses=ERRORS)
    async def read(
        self, source_id: FromPath[int], session: SessionDep, member: MemberDep, services: ServicesDep
    ) -> Envelope[Schedule]:
        """When a source is checked, as Prefect has it now."""
        source = await require_source(session, member, source_id)
        try:
            plan = await services.prefect.schedules.of(source.id)
        except Unreachable as error:
            raise Problem(503, "Prefect does not answer") from error
        if plan is None:
            source.plan = None
            await session.commit()
            raise Problem(404, "This data source has no schedule")
        return Envelope(await _kept(session, source, plan), "Schedule retrieved")

    @delete("/", status_code=200, operation_id="delete_health_schedule", responses=ERRORS)
    async def remove(
        self, source_id: FromPath[int], session: SessionDep, member: MemberDep, services: ServicesDep
    ) -> Envelope[None]:
        """Check a source no longer; its history stays."""
        source = await require_source(session, member, source_id)
        try:
            found = await services.prefect.schedules.remove(source.id)
        except Unreachable as error:
            raise Problem(503, "Prefect does not answer; the schedule is as it was") from error
        source.plan = None
        await session.commit()
        if not found:
            raise Problem(404, "This data source has no schedule")
        return Envelope(None, "Schedule removed")


def read_plan(body: bytes, *, paused: bool) -> Plan:
    """The schedule that is asked for; of a paused source it is paused. Raises `Invalid` naming the field."""
    try:
        wanted = msgspec.convert(decode(body), Wanted)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    if (wanted.interval_seconds is None) == (wanted.cron is None):
        raise Invalid(["body", "interval_seconds"], "Give either interval_seconds or cron")
    if wanted.cron is None and wanted.timezone is not None:
        raise Invalid(["body", "timezone"], "A time zone belongs to cron")
    if wanted.timezone is not None and wanted.timezone not in available_timezones():
        raise Invalid(["body", "timezone"], "Unknown time zone; use a name such as Europe/Berlin")
    if wanted.cron is not None:
        _refuse_cron(wanted.cron)
    return Plan(
        interval_seconds=wanted.interval_seconds,
        cron=wanted.cron,
        timezone=(wanted.timezone or "UTC") if wanted.cron else None,
        active=wanted.active and not paused,
    )


def _refuse_cron(cron: str) -> None:
    if len(cron.split()) != CRON_FIELDS:
        raise Invalid(["body", "cron"], "Cron has five fields: minute, hour, day, month, weekday")
    try:
        next(CronSim(cron, ANY_DAY))
        timetable(0, Plan(cron=cron))  # Prefect has to understand it, too
    except (CronSimError, ValueError, StopIteration) as error:
        raise Invalid(["body", "cron"], "Not a cron expression that ever comes true") from error


async def _kept(session: AsyncSession, source: DataSource, plan: Plan) -> Schedule:
    """Remember what Prefect has, and answer it."""
    if source.plan != plan.plain():
        source.plan = plan.plain()
        await session.commit()
    return Schedule(
        data_source_id=source.id,
        interval_seconds=plan.interval_seconds,
        cron=plan.cron,
        rrule=plan.rrule,
        timezone=plan.timezone,
        active=plan.active,
    )
