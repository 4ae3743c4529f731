"""Alerts: who hears when a source goes down or comes back (docs/operate.md, "Alerts")."""

from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromPath
from msgspec import Struct

from api.actions import alerts
from api.dependencies import ApiRequest, MemberDep, ServicesDep, SessionDep
from api.limits import CHANGES_ALERT
from api.prefect.alerts import KeptAlert
from api.wire.registration import read
from api.wire.requests import ChangedAlert, NewAlert, takes
from api.wire.responses import ADMINS_ONLY, ALERT_TAKEN, ALERT_UNSENT, LIMITED, LOCATION, LOCATION_HEADER
from datasources.model.alerts import AlertKind, receiver_of


class AlertAnswer(Struct, frozen=True, kw_only=True):
    """An alert without its address."""

    id: UUID
    name: str
    kind: AlertKind | None
    """Null if someone changed the alert in Prefect beyond recognition; it can still be removed."""
    receiver: str | None
    """The recipients of a mail; the host of any other receiver."""
    data_source_id: int | None
    """The one data source that the alert is about; null for all those of the organization."""
    paused: bool


class AlertController(Controller):
    """`/api/v1/alerts`: those of the organization, which are automations of Prefect's."""

    path = "/api/v1/alerts"
    tags = ("Alerts",)

    @get("/", summary="List alerts", operation_id="list_alerts")
    async def index(self, member: MemberDep, services: ServicesDep) -> list[AlertAnswer]:
        """List the organization's alerts by name, without the operator's own alerts about all organizations."""
        return [answered(kept) for kept in await alerts.read(services, member)]

    @get("/{alert:uuid}", summary="Read an alert", operation_id="get_alert")
    async def read(self, alert: FromPath[UUID], member: MemberDep, services: ServicesDep) -> AlertAnswer:
        """Read one alert, as Prefect has it now."""
        return answered(await alerts.require_alert(services, member, alert))

    @post(
        "/",
        status_code=201,
        operation_class=takes(NewAlert),
        summary="Make an alert",
        operation_id="create_alert",
        response_headers=[LOCATION_HEADER],
        opt=CHANGES_ALERT,
        responses=ADMINS_ONLY | ALERT_TAKEN | LIMITED,
    )
    async def create(
        self, request: ApiRequest, session: SessionDep, member: MemberDep, services: ServicesDep
    ) -> Response[AlertAnswer]:
        """Notify a webhook, a Slack channel or people by mail of each change of state. Repeating it changes nothing."""
        data = read(await request.body(), NewAlert)
        kept = await alerts.make(session, services, member, data)
        return Response(answered(kept), headers={LOCATION: f"{self.path}/{kept.id}"})

    @patch(
        "/{alert:uuid}",
        operation_class=takes(ChangedAlert),
        summary="Pause or resume an alert",
        operation_id="change_alert",
        responses=ADMINS_ONLY,
    )
    async def change(
        self, alert: FromPath[UUID], request: ApiRequest, member: MemberDep, services: ServicesDep
    ) -> AlertAnswer:
        """Pause an alert, so that it sends nothing, or resume it."""
        wanted = read(await request.body(), ChangedAlert)
        return answered(await alerts.pause(services, member, alert, paused=wanted.paused))

    @post(
        "/{alert:uuid}/test",
        status_code=204,
        summary="Send an alert as a test",
        operation_id="test_alert",
        opt=CHANGES_ALERT,
        responses=ADMINS_ONLY | ALERT_UNSENT | LIMITED,
    )
    async def attempt(self, alert: FromPath[UUID], member: MemberDep, services: ServicesDep) -> None:
        """Have Prefect's server send the alert once, with the code TEST; wait up to a minute until it is sent."""
        await alerts.attempt(services, member, alert)

    @delete("/{alert:uuid}", summary="Remove an alert", operation_id="delete_alert", responses=ADMINS_ONLY)
    async def remove(self, alert: FromPath[UUID], member: MemberDep, services: ServicesDep) -> None:
        """Stop notifying this receiver, and forget its address."""
        await alerts.remove(services, member, alert)


def answered(kept: KeptAlert) -> AlertAnswer:
    """An alert as clients read it."""
    alert = kept.alert
    return AlertAnswer(
        id=kept.id,
        name=kept.name,
        kind=alert.kind if alert else None,
        receiver=receiver_of(alert.url) if alert else None,
        data_source_id=alert.source_id if alert else None,
        paused=kept.paused,
    )
