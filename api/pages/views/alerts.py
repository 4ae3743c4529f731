"""Who is told of changes of state, what has been told, and the public status page."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from api.actions import alerts
from api.actions.members import require_admin
from api.dependencies import Session, SessionDep
from api.limits import CHANGES_ALERT
from api.pages.board import entries_of
from api.pages.forms import alert_from, at_field
from api.pages.rendering import Reader, ReaderDep, bare
from api.pages.session import PUBLIC
from api.prefect.alerts import KeptAlert
from api.wire.errors import Invalid, Problem
from datasources.catalogue.health.status_changes import newest_changes_of_all
from datasources.catalogue.organizations.status_pages import organization_of, set_status_page, status_page_of
from datasources.model.alerts import AlertKind, receiver_of

SHOWN = 50
KINDS: dict[AlertKind, str] = {"webhook": "a webhook", "slack": "Slack", "mail": "people by mail"}
"""Kinds, as the page calls them."""
PUBLISHING = "Only an administrator of the organization can publish its status"


class AlertsController(Controller):
    """`/alerts` and `/status/{address}`."""

    @get("/alerts")
    async def alerts(self, reader: ReaderDep, session: SessionDep) -> Template:
        """The alerts, and the newest changes of state."""
        return await _alerts(reader, session)

    @post("/alerts", status_code=303, opt=CHANGES_ALERT)
    async def make(self, reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Tell a receiver from now on."""
        form = dict(await reader.request.form())
        try:
            kept = await alerts.make(session, reader.services, reader.member, alert_from(form))
        except Problem as problem:
            await session.rollback()
            field = "data_source_id" if problem.status == 404 else "name"
            return await _alerts(reader, session, wrong=at_field(problem, field), given=form)
        return reader.done(f"The alert “{kept.name}” has been added.", "/alerts")

    @post("/alerts/{alert:uuid}/pause", status_code=303)
    async def pause(self, alert: FromPath[UUID], reader: ReaderDep) -> Response[Any]:
        """Send nothing until it is resumed."""
        kept = await alerts.pause(reader.services, reader.member, alert, paused=True)
        return reader.done(f"The alert “{kept.name}” is paused.", "/alerts")

    @post("/alerts/{alert:uuid}/resume", status_code=303)
    async def resume(self, alert: FromPath[UUID], reader: ReaderDep) -> Response[Any]:
        """Send again."""
        kept = await alerts.pause(reader.services, reader.member, alert, paused=False)
        return reader.done(f"The alert “{kept.name}” is resumed.", "/alerts")

    @post("/alerts/{alert:uuid}/test", status_code=303, opt=CHANGES_ALERT)
    async def attempt(self, alert: FromPath[UUID], reader: ReaderDep) -> Response[Any]:
        """Send it once, marked as a test."""
        try:
            await alerts.attempt(reader.services, reader.member, alert)
        except Problem as problem:
            if problem.status != 424:
                raise
            return reader.done(f"{problem.sentence}.", "/alerts")
        return reader.done("The test has been sent: look for it at the receiver.", "/alerts")

    @post("/alerts/{alert:uuid}/remove", status_code=303)
    async def remove(self, alert: FromPath[UUID], reader: ReaderDep) -> Response[Any]:
        """Tell this receiver no longer."""
        require_admin(reader.member, alerts.FORBIDDEN)
        kept = await alerts.require_alert(reader.services, reader.member, alert)
        if not await reader.is_sure():
            question = f"This removes the alert “{kept.name}” and forgets the address of its receiver."
            return await reader.ask(question, "Remove the alert", "/alerts")
        await alerts.remove(reader.services, reader.member, alert)
        return reader.done(f"The alert “{kept.name}” is removed.", "/alerts")

    @post("/alerts/status-page", status_code=303)
    async def switch(self, reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Switch the public status page on under a new address, or off."""
        require_admin(reader.member, PUBLISHING)
        wanted = bool((await reader.request.form()).get("on"))
        if not wanted and not await reader.is_sure():
            question = "The public page will disappear, and its address will never work again."
            return await reader.ask(question, "Switch the page off", "/alerts")
        await set_status_page(session, reader.member.organization_id, on=wanted)
        await session.commit()
        said = "The status page is public." if wanted else "The status page is gone; its address no longer works."
        return reader.done(said, "/alerts")

    @get("/status/{address:str}", opt=PUBLIC)
    async def public(self, address: FromPath[str], session: SessionDep) -> Template:
        """Names and states, for anyone who has the address, and nothing else."""
        return await _public(session, address)


async def _alerts(
    reader: Reader, session: Session, *, wrong: Invalid | None = None, given: dict[str, Any] | None = None
) -> Template:
    """The page, with what is wrong with its form; without Prefect it says so in place of the alerts."""
    organization_id = reader.member.organization_id
    changes = await newest_changes_of_all(session, organization_id, SHOWN)
    address = await status_page_of(session, organization_id)
    board = await reader.board()
    names = {entry.line.id: entry.line.name for entry in board.entries}
    kept: Sequence[KeptAlert] | None = None
    missing = ""
    try:
        kept = await alerts.read(reader.services, reader.member)
    except Problem as problem:
        missing = problem.sentence
    return await reader.show(
        "alerts.html",
        422 if wrong else 200,
        here="alerts",
        alerts=kept,
        missing=missing,
        receiver_of=receiver_of,
        kinds=KINDS,
        source_choices=[(str(key), name) for key, name in sorted(names.items(), key=lambda pair: pair[1].casefold())],
        names=names,
        changes=changes,
        status_page=address,
        wrong=wrong,
        given=given or {},
    )


async def _public(session: Session, address: str) -> Template:
    organization = await organization_of(session, address)
    if organization is None:
        raise Problem(404, "There is no such status page")
    entries = sorted(
        await entries_of(session, organization.id), key=lambda entry: (entry.line.name.casefold(), entry.line.id)
    )
    return bare("status.html", organization=organization.name, entries=entries)
