"""What has been told about changes of state, and the public status page."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from api.dependencies import Session, SessionDep
from api.pages.board import entries_of
from api.pages.rendering import ReaderDep, bare
from api.pages.session import PUBLIC
from api.wire.errors import Problem
from datasources.catalogue.health.status_changes import newest_changes_of_all
from datasources.catalogue.status_pages import organization_of, set_status_page, status_page_of

SHOWN = 50


class AlertsController(Controller):
    """`/alerts` and `/status/{address}`."""

    @get("/alerts")
    async def alerts(self, reader: ReaderDep, session: SessionDep) -> Template:
        """The newest changes of state, and how people are told of them."""
        changes = await newest_changes_of_all(session, reader.member.organization_id, SHOWN)
        address = await status_page_of(session, reader.member.organization_id)
        return await reader.show("alerts.html", here="alerts", changes=changes, status_page=address)

    @post("/alerts/status-page", status_code=303)
    async def switch(self, reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Switch the public status page on under a new address, or off."""
        if reader.member.role != "admin":
            raise Problem(403, "Only an administrator of the organization can publish its status")
        wanted = bool((await reader.request.form()).get("on"))
        await set_status_page(session, reader.member.organization_id, on=wanted)
        await session.commit()
        said = "The status page is public." if wanted else "The status page is gone; its address is worth nothing now."
        return reader.done(said, "/alerts")

    @get("/status/{address:str}", opt=PUBLIC)
    async def public(self, address: FromPath[str], session: SessionDep) -> Template:
        """Names and states, for anyone who has the address, and nothing else."""
        return await _public(session, address)


async def _public(session: Session, address: str) -> Template:
    organization = await organization_of(session, address)
    if organization is None:
        raise Problem(404, "There is no such status page")
    entries = sorted(
        await entries_of(session, organization.id), key=lambda entry: (entry.line.name.casefold(), entry.line.id)
    )
    return bare("status.html", organization=organization.name, entries=entries)
