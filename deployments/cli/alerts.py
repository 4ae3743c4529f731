"""Alerts in Prefect: one automation and one block each, made, listed, tried and removed by their name.

The address of a receiver is in the block, encrypted by Prefect. An automation is ours when its description ends with
`MADE`; others are left alone.
"""

import asyncio
import hashlib
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

from msgspec import Struct
from prefect.automations import AutomationCore, CallWebhook, EventTrigger, Posture, SendNotification
from prefect.blocks.core import Block
from prefect.blocks.notifications import SlackWebhook
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import PrefectClient
from prefect.events import Event, Resource
from prefect.events.schemas.automations import Automation
from prefect.types import DateTime

from api.prefect._private import read_events, send_events
from datasources.model.errors import SourcecheckError
from datasources.model.vocabulary import StatusEvent

MADE = "Made by `sourcecheck automations`."
TRY_EVENT = "sourcecheck.alert.tried."
"""With the name of its block after it, the event that one automation alone waits for, to be tried."""
TRY_SECONDS = 40.0
"""For Prefect's server to send, and to write down that it has."""
LOAD_SECONDS = 3.0
"""Until Prefect's server has loaded a new automation."""
LABEL = "prefect.resource.id"
PAYLOAD = """{{ {
  "event": event.event, "id": event.id | string, "occurred": event.occurred | string,
  "resource": event.resource.id, "name": event.resource.name, "payload": event.payload
} | tojson }}"""
SUBJECT = "{{ event.payload.name }} is {{ event.payload.became }}"
BODY = """{{ event.payload.name }} (data source {{ event.payload.data_source_id }}) \
went from {{ event.payload.was }} to {{ event.payload.became }} at {{ event.payload.changed_at }}.
{% if event.payload.reason %}
{{ event.payload.error_code }}: {{ event.payload.reason }}
{{ event.payload.remediation }}
{% endif %}"""


class Alert(Struct, frozen=True):
    """What an automation of ours does."""

    name: str
    kind: str
    """`webhook`, `slack` or `mail`."""
    url: str
    source_id: int | None
    """The only data source that it is about; None for all."""


def check_address(kind: str, url: str) -> None:
    """Raises `SourcecheckError` for an address that cannot be one of this kind."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SourcecheckError(f"The address is not a URL: {error}") from error
    schemes = {"webhook": ("http", "https"), "slack": ("https",), "mail": ("mailto", "mailtos")}[kind]
    if parts.scheme not in schemes:
        raise SourcecheckError(f"The address of a {kind} begins with {' or '.join(f'{s}://' for s in schemes)}")
    if not host or " " in url:
        raise SourcecheckError(f"The address of a {kind} needs the name of a host: {parts.scheme}://HOST/…")
    if kind == "mail" and not parse_qs(parts.query).get("to"):
        raise SourcecheckError("The address of a mail names its recipient: mailtos://USER:PASSWORD@HOST?to=ADDRESS")


def default_name(kind: str, url: str, source_id: int | None) -> str:
    """A name that tells alerts apart: the kind, the receiver's host, and the data source if it is about one."""
    about = f" for data source {source_id}" if source_id is not None else ""
    return f"sourcecheck {kind} to {urlsplit(url).hostname}{about}"


async def make(client: PrefectClient, wanted: Alert) -> str:
    """Make the alert, or bring the same one up to date; answers what happened.

    Raises `SourcecheckError` when another automation has this name.
    """
    known = await client.read_automations_by_name(wanted.name)
    for automation in known:
        if await described(automation) != wanted:
            raise SourcecheckError(
                f"another automation is called {wanted.name!r} and is left as it is: choose another --name, "
                f"or remove it first (`sourcecheck automations remove {wanted.name!r}`)"
            )
    made = _automation(wanted, await _action(wanted))
    if known:
        await client.update_automation(known[0].id, made)
        return f"automation {wanted.name!r} is up to date"
    await client.create_automation(made)
    return f"automation {wanted.name!r} is made"


async def ours(client: PrefectClient) -> list[Automation]:
    """The automations that this program has made, by name."""
    found = [automation for automation in await client.read_automations() if automation.description.endswith(MADE)]
    return sorted(found, key=lambda automation: automation.name)


async def named(client: PrefectClient, name: str) -> Automation:
    """Ours of this name. Raises `SourcecheckError` when there is none."""
    known = await ours(client)
    for automation in known:
        if automation.name == name:
            return automation
    names = ", ".join(repr(automation.name) for automation in known) or "none"
    raise SourcecheckError(f"sourcecheck has made no automation {name!r}; there are: {names}")


async def remove(client: PrefectClient, name: str) -> None:
    """Remove an automation of ours, and its block with the address. Raises `SourcecheckError` when there is none."""
    automation = await named(client, name)
    await client.delete_automation(automation.id)
    if (block_id := _block_id(automation)) is not None:
        await client.delete_block_document(block_id)


async def described(automation: Automation) -> Alert | None:
    """What this automation does; None when it is not one of ours, or was changed beyond recognition."""
    block_id = _block_id(automation)
    if not automation.description.endswith(MADE) or block_id is None:
        return None
    block = await Block.aload_from_ref(block_id)
    url = getattr(block, "url", None)
    if url is None:
        return None
    address = url.get_secret_value()
    if isinstance(automation.actions[0], CallWebhook):
        kind = "webhook"
    else:
        kind = "mail" if address.startswith("mailto") else "slack"
    return Alert(automation.name, kind, address, _source_id(automation))


async def attempt(client: PrefectClient, name: str) -> str:
    """Have Prefect's server send this alert once, marked as a test; answers how it went.

    Raises `SourcecheckError` when it was not sent.
    """
    automation = await named(client, name)
    await asyncio.sleep(LOAD_SECONDS)
    began = datetime.now(UTC)
    await send_events(client, [_try_event(automation)])
    until = time.monotonic() + TRY_SECONDS
    while time.monotonic() < until:
        for happened in await _what_it_did(client, automation, began):
            if happened["event"].endswith(".executed"):
                return f"Prefect's server has sent {name!r}: look for it at the receiver"
            if happened["event"].endswith(".failed"):
                why = happened["payload"].get("reason") or "see the automation's events in Prefect's UI"
                raise SourcecheckError(f"Prefect's server could not send {name!r}: {why}")
        await asyncio.sleep(0.5)
    raise SourcecheckError(
        f"Prefect's server has not sent {name!r} within {TRY_SECONDS:.0f} s"
        + ("" if automation.enabled else ", because the automation is paused")
    )


def _try_event(automation: Automation) -> Event:
    about = _source_id(automation) or 0
    name = f"A test of {automation.name!r}"
    now = DateTime.now(UTC)
    payload = {
        "data_source_id": about,
        "name": name,
        "was": "active",
        "became": "failed",
        "changed_at": now.isoformat(timespec="seconds"),
        "reason": "This is a test of the alert: no data source has changed",
        "error_code": "TEST",
        "remediation": "There is nothing to do.",
    }
    resource = Resource({LABEL: f"data-source.{about}", "prefect.resource.name": name})
    return Event(
        occurred=now, event=TRY_EVENT + _block_name(automation.name), resource=resource, payload=payload, id=uuid4()
    )


async def _what_it_did(client: PrefectClient, automation: Automation, since: datetime) -> list[dict[str, Any]]:
    wanted = {
        "occurred": {"since": since.isoformat()},
        "event": {"prefix": ["prefect.automation.action."]},
        "any_resource": {"id": [f"prefect.automation.{automation.id}"]},
    }
    return await read_events(client, wanted, limit=10)


def _automation(wanted: Alert, action: CallWebhook | SendNotification) -> AutomationCore:
    expected = {*(event.value for event in StatusEvent), TRY_EVENT + _block_name(wanted.name)}
    return AutomationCore(
        name=wanted.name,
        description=f"A data source went down, or came back. {MADE}",
        trigger=EventTrigger(
            expect=expected,
            match={LABEL: f"data-source.{'*' if wanted.source_id is None else wanted.source_id}"},
            for_each={LABEL},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[action],
    )


async def _action(wanted: Alert) -> CallWebhook | SendNotification:
    if wanted.kind == "webhook":
        hook = Webhook.model_validate({"url": wanted.url, "headers": {"Content-Type": "application/json"}})
        return CallWebhook(block_document_id=await _saved(hook, wanted.name), payload=PAYLOAD)
    # Prefect's block for Slack hands any address to Apprise, which also sends mail; its own one needs SendGrid.
    block = await _saved(SlackWebhook.model_validate({"url": wanted.url}), wanted.name)
    return SendNotification(block_document_id=block, subject=SUBJECT, body=BODY)


async def _saved(block: Block, name: str) -> UUID:
    saved: UUID = await block.save(_block_name(name), overwrite=True)
    return saved


def _block_name(name: str) -> str:
    """Lower-case letters, digits and dashes, as Prefect wants them; names that look alike then differ at the end."""
    plain = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in name.lower()).split())
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _block_id(automation: Automation) -> UUID | None:
    return next((getattr(action, "block_document_id", None) for action in automation.actions), None)


def _source_id(automation: Automation) -> int | None:
    trigger = automation.trigger
    matched = dict(trigger.match.items()).get(LABEL, ()) if isinstance(trigger, EventTrigger) else ()
    about = [matched] if isinstance(matched, str) else matched
    numbers = [text.removeprefix("data-source.") for text in about]
    return next((int(number) for number in numbers if number.isdigit()), None)
