"""Health schedules (`docs/health.md`): when a source is checked by itself."""

from datetime import UTC, datetime
from zoneinfo import available_timezones

from litestar import Controller, delete, get, put
from litestar.params import FromPath

from api.dependencies import ApiRequest, MemberDep, ServicesDep, Session, SessionDep, require_source
from api.limits import refuse_schedule
from api.prefect.client import Unreachable
from api.prefect.timetables import timetable
from api.wire.errors import Invalid, Problem
from api.wire.registration import read
from api.wire.requests import WantedSchedule, takes
from api.wire.responses import ENVELOPED, SCHEDULES_LIMITED
from api.wire.schemas import Envelope, Schedule, plain
from datasources.catalogue.sources import other_plans
from datasources.catalogue.tables import DataSource
from datasources.health.cron import refuse_cron
from datasources.health.plan import Plan


class ScheduleController(Controller):
    """`/api/v1/data-sources/{id}/health/schedule`."""

    path = "/api/v1/data-sources/{source_id:str}/health/schedule"
    tags = ("Schedules",)

    @put(
        "/",
        operation_class=takes(WantedSchedule),
        summary="Check a data source regularly",
        operation_id="put_health_schedule",
        responses=ENVELOPED | SCHEDULES_LIMITED,
    )
    async def write(
        self,
        source_id: FromPath[int],
        request: ApiRequest,
        session: SessionDep,
        member: MemberDep,
        services: ServicesDep,
    ) -> Envelope[Schedule]:
        """Check a source by itself from now on: at an interval, or by cron in a time zone."""
        source = await require_source(session, member, source_id)
        plan = read_plan(await request.body(), paused=bool(source.fields.get("is_paused")))
        refuse_schedule(plan, await other_plans(session, source), services.settings, datetime.now(UTC))
        try:
            await services.prefect.schedules.put(source.id, plan, session)
        except Unreachable as error:
            raise Problem(503, "Prefect does not answer; the schedule is unchanged") from error
        return Envelope(await _kept(session, source, plan), "Schedule saved")

    @get("/", summary="Read the schedule of a data source", operation_id="get_health_schedule", responses=ENVELOPED)
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

    @delete(
        "/",
        status_code=200,
        summary="Check a data source no longer",
        operation_id="delete_health_schedule",
        responses=ENVELOPED,
    )
    async def remove(
        self, source_id: FromPath[int], session: SessionDep, member: MemberDep, services: ServicesDep
    ) -> Envelope[None]:
        """Check a source no longer; its history stays."""
        source = await require_source(session, member, source_id)
        try:
            found = await services.prefect.schedules.remove(source.id)
        except Unreachable as error:
            raise Problem(503, "Prefect does not answer; the schedule is unchanged") from error
        source.plan = None
        await session.commit()
        if not found:
            raise Problem(404, "This data source has no schedule")
        return Envelope(None, "Schedule removed")


def read_plan(body: bytes, *, paused: bool) -> Plan:
    """The schedule that is asked for; of a paused source it is paused. Raises `Invalid` naming the field."""
    wanted = read(body, WantedSchedule)
    if (wanted.interval_seconds is None) == (wanted.cron is None):
        raise Invalid(["body", "interval_seconds"], "Give either interval_seconds or cron")
    if wanted.cron is None and wanted.timezone is not None:
        raise Invalid(["body", "timezone"], "A time zone is only allowed with cron")
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
    try:
        refuse_cron(cron)
    except ValueError as error:
        raise Invalid(["body", "cron"], str(error)) from error
    try:
        timetable(0, Plan(cron=cron))  # Prefect has to understand it, too
    except ValueError as error:
        raise Invalid(["body", "cron"], "Prefect does not understand this cron expression") from error


async def _kept(session: Session, source: DataSource, plan: Plan) -> Schedule:
    """Remember what Prefect has, and answer it."""
    if source.plan != plan.plain():
        source.plan = plan.plain()
        await session.commit()
    return Schedule(
        data_source_id=source.id,
        interval_seconds=plain(plan.interval_seconds),
        cron=plan.cron,
        rrule=plan.rrule,
        timezone=plan.timezone,
        active=plan.active,
    )
