"""Alerts in Prefect: made, listed, paused, tried and removed. Prefect has the truth about them.

The command line and the API share this; `datasources.model.alerts` says what an alert is, `alert_words` how Prefect
writes it down.
"""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from msgspec import Struct
from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient
from prefect.events.schemas.automations import Automation
from prefect.exceptions import ObjectNotFound

from api.prefect._private import read_events, send_events
from api.prefect.alert_words import (
    MADE,
    automation_of,
    block_id_of,
    block_name,
    block_of,
    full_name,
    kind_of,
    organization_of,
    short_name,
    source_of,
    try_event,
)
from api.prefect.pages import PAGE, all_pages
from datasources.model.alerts import Alert
from datasources.model.errors import SourcecheckError

TRY_SECONDS = 40.0
"""For Prefect's server to send, and to write down that it has."""
NOT_FOUND = 404
LOAD_SECONDS = 3.0
"""Until Prefect's server has loaded a new automation."""


class AlertTaken(SourcecheckError):
    """Another alert has this name."""


class AlertUnsent(SourcecheckError):
    """Prefect's server did not send an alert that was tried."""


class KeptAlert(Struct, frozen=True, kw_only=True):
    """An alert as Prefect has it."""

    id: UUID
    name: str
    organization_id: int | None
    paused: bool
    alert: Alert | None
    """What it does; None when it was changed in Prefect beyond recognition."""


class Alerts:
    """Those that this program has made; all other automations are left alone."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client

    async def make(self, wanted: Alert, *, inside: bool = True) -> tuple[KeptAlert, bool]:
        """Make the alert, or bring the same one up to date; answers it, and whether it is new.

        `inside` says whether its webhook may reach an inner network when it is sent. Raises `AlertTaken`.
        """
        name = full_name(wanted.name, wanted.organization_id)
        known = await self._client.read_automations_by_name(name)
        for automation in known:
            if (await self._kept(automation)).alert != wanted:
                raise AlertTaken(f"another automation is called {wanted.name!r} and is left as it is")
        block_id: UUID = await block_of(wanted, inside=inside).save(block_name(name), overwrite=True)
        made = automation_of(wanted, block_id)
        if known:
            made.enabled = known[0].enabled
            await self._client.update_automation(known[0].id, made)
        made_id = known[0].id if known else await self._client.create_automation(made)
        kept = KeptAlert(
            id=made_id,
            name=wanted.name,
            organization_id=wanted.organization_id,
            paused=not made.enabled,
            alert=wanted,
        )
        return kept, not known

    async def read(self, organization_id: int | None = None) -> list[KeptAlert]:
        """An organization's alerts by name; without one, all that there are."""
        ours = await self._ours()
        wanted = [each for each in ours if organization_id is None or organization_of(each) == organization_id]
        return sorted(await asyncio.gather(*map(self._kept, wanted)), key=lambda kept: kept.name)

    async def find(self, alert_id: UUID, organization_id: int) -> KeptAlert | None:
        """One of an organization's alerts."""
        automation = await self._read(alert_id)
        if automation is None or not _is_ours(automation) or organization_of(automation) != organization_id:
            return None
        return await self._kept(automation)

    async def pause(self, alert_id: UUID, *, paused: bool) -> None:
        """Pause an alert, so that it sends nothing, or resume it."""
        change = self._client.pause_automation if paused else self._client.resume_automation
        await change(alert_id)

    async def remove(self, alert_id: UUID) -> None:
        """Remove an alert, and its block with the address."""
        automation = await self._read(alert_id)
        if automation is None:
            return
        await self._client.delete_automation(automation.id)
        if (block_id := block_id_of(automation)) is not None:
            with suppress(ObjectNotFound):  # it has been removed in Prefect
                await self._client.delete_block_document(block_id)

    async def attempt(self, alert_id: UUID) -> None:
        """Have Prefect's server send this alert once, marked as a test. Raises `AlertUnsent` when it was not sent."""
        automation = await self._read(alert_id)
        if automation is None:
            raise AlertUnsent("the alert was removed in the meantime")
        if not automation.enabled:
            raise AlertUnsent("the alert is paused")
        await asyncio.sleep(LOAD_SECONDS)
        began = datetime.now(UTC)
        await send_events(self._client, [try_event(automation)])
        until = time.monotonic() + TRY_SECONDS
        while time.monotonic() < until:
            for happened in await self._what_it_did(automation, began):
                if happened["event"].endswith(".executed"):
                    return
                if happened["event"].endswith(".failed"):
                    why = happened["payload"].get("reason") or "see the automation's events in Prefect's UI"
                    raise AlertUnsent(f"Prefect's server could not send it: {why}")
            await asyncio.sleep(0.5)
        raise AlertUnsent(f"Prefect's server has not sent it within {TRY_SECONDS:.0f} s")

    async def _what_it_did(self, automation: Automation, since: datetime) -> list[dict[str, Any]]:
        wanted = {
            "occurred": {"since": since.isoformat()},
            "event": {"prefix": ["prefect.automation.action."]},
            "any_resource": {"id": [f"prefect.automation.{automation.id}"]},
        }
        return await read_events(self._client, wanted, limit=10)

    async def _read(self, alert_id: UUID) -> Automation | None:
        try:
            return await self._client.read_automation(alert_id)
        except httpx.HTTPStatusError as error:
            if error.response.status_code == NOT_FOUND:
                return None
            raise

    async def _ours(self) -> list[Automation]:
        async def read(offset: int) -> list[Automation]:
            return await self._client.read_automations(limit=PAGE, offset=offset)

        return [automation for automation in await all_pages(read) if _is_ours(automation)]

    async def _kept(self, automation: Automation) -> KeptAlert:
        organization_id = organization_of(automation)
        return KeptAlert(
            id=automation.id,
            name=short_name(automation.name, organization_id),
            organization_id=organization_id,
            paused=not automation.enabled,
            alert=await _described(automation) if _is_ours(automation) else None,
        )


def _is_ours(automation: Automation) -> bool:
    return automation.description.endswith(MADE)


async def _described(automation: Automation) -> Alert | None:
    block_id = block_id_of(automation)
    if block_id is None:
        return None
    try:
        block = await Block.aload_from_ref(block_id)
    except ValueError:  # the block has been removed in Prefect
        return None
    url = getattr(block, "url", None)
    if url is None:
        return None
    address = url.get_secret_value()
    organization_id = organization_of(automation)
    return Alert(
        short_name(automation.name, organization_id),
        kind_of(automation, address),
        address,
        source_of(automation),
        organization_id,
    )
