"""Health schedules (`docs/health.md`): when the service checks a source on its own."""

from litestar import Controller, delete, get, put
from litestar.params import FromPath

from api.actions import schedules
from api.dependencies import ApiRequest, MemberDep, ServicesDep, SessionDep, require_source
from api.wire.registration import read
from api.wire.requests import WantedSchedule, takes
from api.wire.responses import ENVELOPED, SCHEDULES_LIMITED
from api.wire.schemas import Envelope, Schedule, plain
from datasources.catalogue.tables import DataSource
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
        """Check a source regularly from now on: at an interval, or by cron in a time zone."""
        source = await require_source(session, member, source_id)
        wanted = read(await request.body(), WantedSchedule)
        plan = await schedules.put(session, services, source, wanted)
        return Envelope(_answered(source, plan), "Schedule saved")

    @get("/", summary="Read the schedule of a data source", operation_id="get_health_schedule", responses=ENVELOPED)
    async def read(
        self, source_id: FromPath[int], session: SessionDep, member: MemberDep, services: ServicesDep
    ) -> Envelope[Schedule]:
        """Read when a source is checked, as Prefect has it now."""
        source = await require_source(session, member, source_id)
        plan = await schedules.read(session, services, source)
        return Envelope(_answered(source, plan), "Schedule retrieved")

    @delete(
        "/",
        status_code=200,
        summary="Stop checking a data source",
        operation_id="delete_health_schedule",
        responses=ENVELOPED,
    )
    async def remove(
        self, source_id: FromPath[int], session: SessionDep, member: MemberDep, services: ServicesDep
    ) -> Envelope[None]:
        """Stop checking a source; its history stays."""
        source = await require_source(session, member, source_id)
        await schedules.remove(session, services, source)
        return Envelope(None, "Schedule removed")


def _answered(source: DataSource, plan: Plan) -> Schedule:
    return Schedule(
        data_source_id=source.id,
        interval_seconds=plain(plan.interval_seconds),
        cron=plan.cron,
        rrule=plan.rrule,
        timezone=plan.timezone,
        active=plan.active,
    )
