"""Ready-made Prefect automations: a change of state of a source, told by webhook, Slack or mail.

They are ordinary automations of Prefect's, to be seen, changed and paused in its UI; making one again under the same
name brings it up to date. Addresses are kept in Prefect's blocks, encrypted.
"""

import argparse
import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from datasources.model.errors import SourcecheckError
from datasources.model.settings import Settings
from datasources.model.vocabulary import StatusEvent

Add = Callable[..., argparse.ArgumentParser]
EVENTS = {event.value for event in StatusEvent}
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


def add_commands(commands: Any, add: Add) -> None:
    """Add `automations` to the command line."""
    text = "tell people when a source goes down or comes back, through Prefect's automations"
    group = commands.add_parser("automations", help=text, description=text)
    kinds = group.add_subparsers(required=True, metavar="KIND")
    example = "sourcecheck automations webhook https://hooks.example.org/sources --source 1"
    webhook = add(kinds, "webhook", _command(_webhook), "POST the event as JSON", example)
    webhook.add_argument("url")
    example = "sourcecheck automations slack https://hooks.slack.com/services/T0/B0/X"
    slack = add(kinds, "slack", _command(_slack), "post into a Slack channel", example)
    slack.add_argument("url", help="an incoming webhook of Slack's")
    example = 'sourcecheck automations mail "mailtos://me:secret@smtp.example.org?to=team@example.org" --name team'
    mail = add(kinds, "mail", _command(_mail), "send a mail", example)
    mail.add_argument("url", help="mailtos://USER:PASSWORD@SMTP-HOST?from=ADDRESS&to=ADDRESS (Apprise's form)")
    for kind in (webhook, slack, mail):
        kind.add_argument("--name", help="name of the automation, to have several of one kind")
        kind.add_argument("--source", type=int, metavar="ID", help="only for this data source (default: all)")


def _command(make: Callable[[str, str], Any]) -> Callable[[Settings, argparse.Namespace], int]:
    def command(settings: Settings, given: argparse.Namespace) -> int:
        from deployments.stack.local import set_prefect_url, with_local_defaults

        set_prefect_url(with_local_defaults(settings))
        kind = make.__name__.removeprefix("_")
        name = given.name or f"sourcecheck {kind}"
        print(asyncio.run(_apply(name, given.source, lambda block: make(block, given.url))))
        return 0

    return command


async def _apply(name: str, source_id: int | None, make: Callable[[str], Any]) -> str:
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectException

    try:
        action = await make(_block_name(name))
        automation = _automation(name, source_id, action)
        async with get_client() as client:
            known = await client.read_automations_by_name(name)
            if known:
                await client.update_automation(known[0].id, automation)
                return f"automation {name!r} is up to date"
            await client.create_automation(automation)
            return f"automation {name!r} is made"
    except (PrefectException, httpx.HTTPError, ValueError) as error:
        raise SourcecheckError(f"Prefect refused the automation {name!r}: {error}") from error


def _automation(name: str, source_id: int | None, action: Any) -> Any:
    from prefect.automations import AutomationCore, EventTrigger, Posture

    return AutomationCore(
        name=name,
        description="A data source went down, or came back. Made by `sourcecheck automations`.",
        trigger=EventTrigger(
            expect=EVENTS,
            match={"prefect.resource.id": f"data-source.{source_id or '*'}"},
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[action],
    )


async def _webhook(block: str, url: str) -> Any:
    from prefect.automations import CallWebhook
    from prefect.blocks.webhook import Webhook

    made = Webhook.model_validate({"url": url, "headers": {"Content-Type": "application/json"}})
    return CallWebhook(block_document_id=await _saved(made, block), payload=PAYLOAD)


async def _slack(block: str, url: str) -> Any:
    from prefect.blocks.notifications import SlackWebhook

    return await _notification(SlackWebhook.model_validate({"url": url}), block)


async def _mail(block: str, url: str) -> Any:
    """Prefect's block for Slack hands any address to Apprise, which also sends mail; its own one needs SendGrid."""
    from prefect.blocks.notifications import SlackWebhook

    if not url.startswith(("mailto://", "mailtos://")):
        raise SourcecheckError("a mail address has to begin with mailto:// or mailtos://")
    return await _notification(SlackWebhook.model_validate({"url": url}), block)


async def _notification(block: Any, name: str) -> Any:
    from prefect.automations import SendNotification

    return SendNotification(block_document_id=await _saved(block, name), subject=SUBJECT, body=BODY)


async def _saved(block: Any, name: str) -> UUID:
    saved: UUID = await block.save(name, overwrite=True)
    return saved


def _block_name(name: str) -> str:
    """Lower-case letters, digits and dashes, as Prefect wants them."""
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in name.lower()).split())
