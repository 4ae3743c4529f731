"""What an alert is in Prefect: an automation, and the block that holds the receiver's address, encrypted by Prefect."""

import hashlib
from datetime import UTC, timedelta
from uuid import UUID, uuid4

from prefect.automations import AutomationCore, CallWebhook, EventTrigger, Posture, SendNotification
from prefect.blocks.core import Block
from prefect.blocks.notifications import SlackWebhook
from prefect.blocks.webhook import Webhook
from prefect.events import Event, Resource
from prefect.types import DateTime

from datasources.health.standing import happened
from datasources.model.alerts import Alert, AlertKind
from datasources.model.vocabulary import StatusEvent

MADE = "Made by `sourcecheck automations`."
"""How the description of an automation of ours ends; others are left alone."""
TRY_EVENT = "sourcecheck.alert.tried."
"""With the name of its block after it, the event that one automation alone waits for, to be tried."""
SOURCE_LABEL = "prefect.resource.id"
ORGANIZATION_LABEL = "sourcecheck.organization-id"
PAYLOAD = """{{ {
  "event": event.event, "id": event.id | string, "occurred": event.occurred | string,
  "resource": event.resource.id, "name": event.resource.name, "payload": event.payload
} | tojson }}"""
SUBJECT = "{{ event.payload.name }} {{ event.payload.happened }}"
BODY = """{{ event.payload.name }} (data source {{ event.payload.data_source_id }}) \
{{ event.payload.happened }} ({{ event.payload.changed_at }}).
{% if event.payload.reason %}
{{ event.payload.error_code }}: {{ event.payload.reason }}
{{ event.payload.remediation }}
{% endif %}"""


def full_name(name: str, organization_id: int | None) -> str:
    """What the automation is called: Prefect has one list for all organizations, which choose names by themselves."""
    return name if organization_id is None else f"{name} (organization {organization_id})"


def short_name(name: str, organization_id: int | None) -> str:
    """The same without the organization."""
    return name if organization_id is None else name.removesuffix(f" (organization {organization_id})")


def block_name(name: str) -> str:
    """Lower-case letters, digits and dashes, as Prefect wants them; names that look alike then differ at the end."""
    plain = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in name.lower()).split())
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def block_of(wanted: Alert, *, inside: bool) -> Block:
    """The block with the address; `inside` says whether it may be one of an inner network when it is used."""
    if wanted.kind == "webhook":
        headers = {"Content-Type": "application/json"}
        return Webhook.model_validate({"url": wanted.url, "headers": headers, "allow_private_urls": inside})
    # Prefect's block for Slack hands any address to Apprise, which also sends mail; its own one needs SendGrid.
    return SlackWebhook.model_validate({"url": wanted.url})


def automation_of(wanted: Alert, block_id: UUID) -> AutomationCore:
    """The automation, which has the block do its work."""
    name = full_name(wanted.name, wanted.organization_id)
    match: dict[str, str | list[str]] = {
        SOURCE_LABEL: f"data-source.{'*' if wanted.source_id is None else wanted.source_id}"
    }
    if wanted.organization_id is not None:
        match[ORGANIZATION_LABEL] = str(wanted.organization_id)
    action: CallWebhook | SendNotification
    if wanted.kind == "webhook":
        action = CallWebhook(block_document_id=block_id, payload=PAYLOAD)
    else:
        action = SendNotification(block_document_id=block_id, subject=SUBJECT, body=BODY)
    return AutomationCore(
        name=name,
        description=f"A data source went down, or came back. {MADE}",
        trigger=EventTrigger(
            expect={*(event.value for event in StatusEvent), TRY_EVENT + block_name(name)},
            match=match,
            for_each={SOURCE_LABEL},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[action],
    )


def try_event(automation: AutomationCore) -> Event:
    """The event that has Prefect's server send this alert once, and no other one."""
    organization_id, source_id = organization_of(automation), source_of(automation) or 0
    shown = short_name(automation.name, organization_id)
    now = DateTime.now(UTC)
    payload = {
        "data_source_id": source_id,
        "name": f"A test of {shown!r}",
        "was": "active",
        "became": "failed",
        "happened": happened("active", "failed"),
        "changed_at": now.isoformat(timespec="seconds"),
        "reason": "This is a test of the alert: no data source has changed",
        "error_code": "TEST",
        "remediation": "There is nothing to do.",
    }
    labels = {SOURCE_LABEL: f"data-source.{source_id}", "prefect.resource.name": f"A test of {shown!r}"}
    if organization_id is not None:
        labels[ORGANIZATION_LABEL] = str(organization_id)
    name = TRY_EVENT + block_name(automation.name)
    return Event(occurred=now, event=name, resource=Resource(labels), payload=payload, id=uuid4())


def kind_of(automation: AutomationCore, url: str) -> AlertKind:
    """The kind of an automation of ours."""
    if isinstance(automation.actions[0], CallWebhook):
        return "webhook"
    return "mail" if url.startswith("mailto") else "slack"


def block_id_of(automation: AutomationCore) -> UUID | None:
    """The block of its action; None when it has been changed to one without."""
    return next((getattr(action, "block_document_id", None) for action in automation.actions), None)


def source_of(automation: AutomationCore) -> int | None:
    """The only data source that it is about."""
    return next(
        (int(n) for v in _matched(automation, SOURCE_LABEL) if (n := v.removeprefix("data-source.")).isdigit()), None
    )


def organization_of(automation: AutomationCore) -> int | None:
    """The organization whose it is; None for an operator's."""
    return next((int(value) for value in _matched(automation, ORGANIZATION_LABEL) if value.isdigit()), None)


def _matched(automation: AutomationCore, label: str) -> list[str]:
    trigger = automation.trigger
    found = trigger.match.get(label) if isinstance(trigger, EventTrigger) else None
    return [found] if isinstance(found, str) else list(found or ())
