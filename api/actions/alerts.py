"""An organization's alerts: who hears when a source goes down or comes back. Prefect keeps them as automations."""

import asyncio
from collections.abc import Awaitable
from ipaddress import ip_address
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.actions.members import require_admin
from api.auth import Member
from api.dependencies import require_source
from api.prefect.alerts import AlertTaken, AlertUnsent, KeptAlert
from api.prefect.client import Unreachable
from api.runtime import Services
from api.wire.errors import Invalid, Problem
from api.wire.registration import HIDDEN
from api.wire.requests import NewAlert
from datasources.catalogue.locks import lock_organization
from datasources.model.alerts import Alert, AlertRefused, default_name, hosts_of, narrowed
from datasources.model.errors import SourceUnreachable
from datasources.model.inputs.texts import hidden_character
from datasources.network.addresses import Policy, literal, resolve

T = TypeVar("T")
MOST_ALERTS = 50
"""Alerts of one organization: Prefect's server looks at each of them for every event."""
RESOLVE_SECONDS = 5.0
FORBIDDEN = "Only an administrator of the organization can change its alerts"


async def read(services: Services, member: Member) -> list[KeptAlert]:
    """The organization's alerts. Raises `Problem`: 503 without Prefect."""
    return await _asked(services.prefect.alerts.read(member.organization_id))


async def require_alert(services: Services, member: Member, alert_id: UUID) -> KeptAlert:
    """One of them. Raises `Problem`: 404, the same for unknown and for foreign ones."""
    found = await _asked(services.prefect.alerts.find(alert_id, member.organization_id))
    if found is None:
        raise Problem(404, "Alert not found")
    return found


async def make(session: AsyncSession, services: Services, member: Member, data: NewAlert) -> KeptAlert:
    """Tell this receiver from now on. Raises `Problem`: 403, 409 for a name that is taken, 422, 503 without Prefect."""
    require_admin(member, FORBIDDEN)
    if data.data_source_id is not None:
        await require_source(session, member, data.data_source_id)
    wanted, inside = await _wanted(services, member, data)
    await lock_organization(session, member.organization_id)
    if len(await read(services, member)) >= MOST_ALERTS:
        raise Problem(409, f"Your organization has {MOST_ALERTS} alerts; that is the limit")
    try:
        kept, _ = await _asked(services.prefect.alerts.make(wanted, inside=inside))
    except AlertTaken as error:
        raise Problem(409, "Another alert has this name") from error
    await session.commit()
    return kept


async def pause(services: Services, member: Member, alert_id: UUID, *, paused: bool) -> KeptAlert:
    """Send nothing until it is resumed, or resume it. Raises `Problem`."""
    await require_alert(services, member, alert_id)
    require_admin(member, FORBIDDEN)
    await _asked(services.prefect.alerts.pause(alert_id, paused=paused))
    return await require_alert(services, member, alert_id)


async def remove(services: Services, member: Member, alert_id: UUID) -> None:
    """Tell this receiver no longer, and forget its address. Raises `Problem`."""
    await require_alert(services, member, alert_id)
    require_admin(member, FORBIDDEN)
    await _asked(services.prefect.alerts.remove(alert_id))


async def attempt(services: Services, member: Member, alert_id: UUID) -> None:
    """Send it once, marked as a test. Raises `Problem`: 424 when Prefect's server could not send it."""
    await require_alert(services, member, alert_id)
    require_admin(member, FORBIDDEN)
    try:
        await _asked(services.prefect.alerts.attempt(alert_id))
    except AlertUnsent as error:
        raise Problem(424, _sentence(str(error))) from error


async def _wanted(services: Services, member: Member, data: NewAlert) -> tuple[Alert, bool]:
    """The alert, and whether its webhook may reach an inner network. Raises `Invalid`."""
    try:
        url = narrowed(data.kind, data.url)
    except AlertRefused as error:
        raise Invalid(["body", "url"], str(error)) from error
    name = (data.name or default_name(data.kind, url, data.data_source_id)).strip()
    if found := hidden_character(name):
        raise Invalid(["body", "name"], HIDDEN.format(code=f"U+{ord(found):04X}"))
    if not name:
        raise Invalid(["body", "name"], "The name must not be blank")
    inside = await _is_inside(url, Policy.from_settings(services.settings))
    return Alert(name, data.kind, url, data.data_source_id, member.organization_id), inside


async def _is_inside(url: str, policy: Policy) -> bool:
    """Whether the receiver is in an inner network that the policy allows (security row 1). Raises `Invalid`."""
    inside = False
    for host, port in hosts_of(url):
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                addresses = await resolve(host, port, policy)
        except SourceUnreachable as error:
            raise Invalid(["body", "url"], _sentence(str(error.message))) from error
        except TimeoutError as error:
            raise Invalid(["body", "url"], f"The address of {host} could not be looked up in time") from error
        found = any(not Policy().allows(ip_address(address.split("%")[0])) for address in addresses)
        if found and not policy.allow_private and literal(host) is None:
            # A name may mean another address when the alert is sent, and then nothing of ours looks at it.
            raise Invalid(
                ["body", "url"], f"{host} belongs to an internal network; give its address instead of its name"
            )
        inside = inside or found
    return inside


async def _asked(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except Unreachable as error:
        raise Problem(
            503, "Prefect's server, which keeps the alerts, does not answer; try again in a moment"
        ) from error


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
