"""Sources as a file (contract 2.10): apply what it says, and give it back."""

from litestar import Controller, get, post

from api.applying import Applier, plan_sources, removal_of, removed
from api.dependencies import ApiRequest, MemberDep, ServicesDep, SessionDep
from api.limits import MAKES_PLAN
from api.slices import in_slices
from api.wire.declared import Applied
from api.wire.exported import Exported, exported
from api.wire.registration import read
from api.wire.requests import ApplyRequest, takes_sources
from api.wire.responses import APPLY_REFUSED
from datasources.catalogue.sources import sources_by_name


class ApplyController(Controller):
    """`/api/v1/data_sources/apply` and `/export`."""

    path = "/api/v1/data_sources"
    tags = ("Data sources",)

    @post(
        "/apply",
        status_code=200,
        operation_class=takes_sources(),
        summary="Apply a file of data sources",
        operation_id="apply_data_sources",
        responses=APPLY_REFUSED,
        opt=MAKES_PLAN,
    )
    async def apply(
        self, request: ApiRequest, session: SessionDep, member: MemberDep, services: ServicesDep
    ) -> Applied:
        """Change the sources to what a file says, all of them or none; a dry run returns what would change."""
        wanted = read(await request.body(), ApplyRequest)
        rows = await sources_by_name(session, member.organization_id, for_change=not wanted.dry_run)
        planned = await plan_sources(wanted.sources, rows, services.vault, services.settings)
        gone = removed(rows, planned) if wanted.prune else []
        if wanted.dry_run:
            return Applied(changes=[*(one.change for one in planned), *map(removal_of, gone)], applied=False)
        applier = Applier(session, services.prefect.schedules, services.settings, services.vault)
        return Applied(changes=await applier.apply(member, planned, gone), applied=True)

    @get("/export", summary="Export the data sources as a file", operation_id="export_data_sources")
    async def export(self, session: SessionDep, member: MemberDep, services: ServicesDep) -> Exported:
        """Return every source as a file declares it, without secrets."""
        rows = await sources_by_name(session, member.organization_id)
        return Exported.of([exported(row, services.vault) async for row in in_slices(rows.values())])
