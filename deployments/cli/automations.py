"""Ready-made Prefect automations: a change of state of a source, told by webhook, Slack or mail.

They are ordinary automations of Prefect's, to be seen, changed and paused in its UI. Making the same one again brings
it up to date; none ever replaces another.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from datasources.model.errors import SourcecheckError
from datasources.model.settings import Settings

if TYPE_CHECKING:
    from api.prefect.alerts import KeptAlert

Add = Callable[..., argparse.ArgumentParser]
Work = Callable[[Any, Settings, argparse.Namespace], Awaitable[int]]
KINDS = {
    "webhook": (
        "POST the event as JSON",
        "http:// or https://",
        "sourcecheck automations webhook https://hooks.example.org/sources --source 1",
    ),
    "slack": (
        "post into a Slack channel",
        "an incoming webhook of Slack's",
        "sourcecheck automations slack https://hooks.slack.com/services/T0/B0/X --test",
    ),
    "mail": (
        "send a mail",
        "mailtos://USER:PASSWORD@SMTP-HOST?from=ADDRESS&to=ADDRESS (Apprise's form)",
        'sourcecheck automations mail "mailtos://me:secret@smtp.example.org?to=team@example.org" --name team',
    ),
}
"""What each kind does, what its address is, and an example."""


def add_commands(commands: Any, add: Add) -> None:
    """Add `automations` to the command line."""
    text = "notify people when a source goes down or comes back, through Prefect's automations"
    group = commands.add_parser("automations", help=text, description=f"{text[0].upper()}{text[1:]}.")
    kinds = group.add_subparsers(required=True, metavar="COMMAND")
    for kind, (what, address, example) in KINDS.items():
        made = add(kinds, kind, _command(_make), what, example)
        made.set_defaults(kind=kind)
        made.add_argument("url", metavar="URL", help=address)
        made.add_argument("--name", help="name of the automation (default: kind, host and data source)")
        made.add_argument("--source", type=int, metavar="ID", help="only for this data source (default: all)")
        made.add_argument(
            "--organization",
            type=int,
            metavar="ID",
            help="only for the data sources of this organization, whose members see the alert (default: all)",
        )
        made.add_argument("--test", action="store_true", help="then have Prefect's server send it once, as a test")
    add(kinds, "list", _command(_list), "list the alerts that sourcecheck has made", "sourcecheck automations list")
    tried = add(
        kinds,
        "test",
        _command(_test),
        "have Prefect's server send an alert once, as a test",
        "sourcecheck automations test team",
    )
    removed = add(
        kinds,
        "remove",
        _command(_remove),
        "remove an alert and its address",
        "sourcecheck automations remove team",
    )
    paused = add(kinds, "pause", _command(_pause), "pause an alert", "sourcecheck automations pause team")
    resumed = add(kinds, "resume", _command(_resume), "resume an alert", "sourcecheck automations resume team")
    for command in (tried, removed, paused, resumed):
        command.add_argument("name", metavar="NAME", help="name of the automation")


def _command(work: Work) -> Callable[[Settings, argparse.Namespace], int]:
    def command(settings: Settings, given: argparse.Namespace) -> int:
        from deployments.stack.local import set_prefect_url, with_local_defaults

        settings = with_local_defaults(settings)
        set_prefect_url(settings)
        return asyncio.run(_with_client(work, settings, given))

    return command


async def _with_client(work: Work, settings: Settings, given: argparse.Namespace) -> int:
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectException

    try:
        async with get_client() as client:
            return await work(client, settings, given)
    except (PrefectException, httpx.HTTPError, ValueError) as error:
        raise SourcecheckError(f"Prefect's server refused this: {error}") from error


async def _make(client: Any, settings: Settings, given: argparse.Namespace) -> int:
    from api.prefect.alerts import Alerts, AlertTaken
    from datasources.model.alerts import Alert, check_address, default_name

    check_address(given.kind, given.url)
    if given.source is not None or given.organization is not None:
        await _require(settings, given.source, given.organization)
    name = given.name or default_name(given.kind, given.url, given.source)
    wanted = Alert(name, given.kind, given.url, given.source, given.organization)
    try:
        kept, is_new = await Alerts(client).make(wanted)
    except AlertTaken as error:
        raise SourcecheckError(
            f"{error}: choose another --name, or remove it first (`sourcecheck automations remove {name!r}`)"
        ) from error
    said = [f"automation {name!r} is {'made' if is_new else 'up to date'}"]
    if given.test:
        said.append(await _attempt(client, kept))
    given.out.result({"name": name, "said": said})
    for line in said:
        given.out.say(line)
    return 0


async def _require(settings: Settings, source_id: int | None, organization_id: int | None) -> None:
    from datasources.catalogue.engine import session_scope
    from datasources.catalogue.sources import find_source, is_registered
    from datasources.catalogue.tables import Organization

    async with session_scope(settings) as session:
        if organization_id is not None and await session.get(Organization, organization_id) is None:
            raise SourcecheckError(f"there is no organization {organization_id}")
        if source_id is None:
            return
        if organization_id is None:
            there = await is_registered(session, source_id)
        else:
            there = await find_source(session, organization_id, source_id) is not None
        if not there:
            raise SourcecheckError(f"there is no data source {source_id}")


async def _list(client: Any, _: Settings, given: argparse.Namespace) -> int:
    from api.prefect.alerts import Alerts
    from datasources.model.alerts import receiver_of

    columns = ["name", "kind", "receiver", "data source", "organization", "paused"]
    rows: list[list[str]] = []
    for kept in await Alerts(client).read():
        paused, owner = (
            "yes" if kept.paused else "",
            "all" if kept.organization_id is None else str(kept.organization_id),
        )
        if kept.alert is None:
            rows.append([kept.name, "changed in Prefect", "", "", owner, paused])
        else:
            about = "all" if kept.alert.source_id is None else str(kept.alert.source_id)
            rows.append([kept.name, kept.alert.kind, receiver_of(kept.alert.url), about, owner, paused])
    names = [column.replace(" ", "_") for column in columns]
    given.out.result([dict(zip(names, row, strict=True)) for row in rows])
    given.out.table(columns, rows)
    return 0


async def _test(client: Any, _: Settings, given: argparse.Namespace) -> int:
    said = await _attempt(client, await _named(client, given.name))
    given.out.result({"name": given.name, "said": said})
    given.out.say(said)
    return 0


async def _attempt(client: Any, kept: "KeptAlert") -> str:
    from api.prefect.alerts import Alerts, AlertUnsent

    try:
        await Alerts(client).attempt(kept.id)
    except AlertUnsent as error:
        raise SourcecheckError(f"{kept.name!r}: {error}") from error
    return f"Prefect's server has sent {kept.name!r}: look for it at the receiver"


async def _remove(client: Any, _: Settings, given: argparse.Namespace) -> int:
    from api.prefect.alerts import Alerts

    await Alerts(client).remove((await _named(client, given.name)).id)
    given.out.result({"removed": given.name})
    given.out.say(f"automation {given.name!r} is removed")
    return 0


async def _pause(client: Any, _: Settings, given: argparse.Namespace) -> int:
    return await _switch(client, given, paused=True)


async def _resume(client: Any, _: Settings, given: argparse.Namespace) -> int:
    return await _switch(client, given, paused=False)


async def _switch(client: Any, given: argparse.Namespace, *, paused: bool) -> int:
    from api.prefect.alerts import Alerts

    await Alerts(client).pause((await _named(client, given.name)).id, paused=paused)
    given.out.result({"name": given.name, "paused": paused})
    given.out.say(f"automation {given.name!r} is {'paused' if paused else 'resumed'}")
    return 0


async def _named(client: Any, name: str) -> "KeptAlert":
    """Ours of this name. Raises `SourcecheckError` when there is none, or organizations have several."""
    from api.prefect.alerts import Alerts

    known = await Alerts(client).read()
    found = [kept for kept in known if kept.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise SourcecheckError(f"{len(found)} organizations have an alert {name!r}; change it on their pages")
    names = ", ".join(repr(kept.name) for kept in known) or "none"
    raise SourcecheckError(f"sourcecheck has made no automation {name!r}; there are: {names}")
