"""Ready-made Prefect automations: a change of state of a source, told by webhook, Slack or mail.

They are ordinary automations of Prefect's, to be seen, changed and paused in its UI. Making the same one again brings
it up to date; none ever replaces another.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from datasources.model.errors import SourcecheckError
from datasources.model.settings import Settings

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
    text = "tell people when a source goes down or comes back, through Prefect's automations"
    group = commands.add_parser("automations", help=text, description=text)
    kinds = group.add_subparsers(required=True, metavar="COMMAND")
    for kind, (what, address, example) in KINDS.items():
        made = add(kinds, kind, _command(_make), what, example)
        made.set_defaults(kind=kind)
        made.add_argument("url", help=address)
        made.add_argument("--name", help="name of the automation (default: kind, host and data source)")
        made.add_argument("--source", type=int, metavar="ID", help="only for this data source (default: all)")
        made.add_argument("--test", action="store_true", help="and have Prefect's server send it once, as a test")
    add(kinds, "list", _command(_list), "list the automations that were made here", "sourcecheck automations list")
    tried = add(
        kinds,
        "test",
        _command(_test),
        "have Prefect's server send one once, as a test",
        "sourcecheck automations test team",
    )
    removed = add(
        kinds,
        "remove",
        _command(_remove),
        "remove one, and the address that it has",
        "sourcecheck automations remove team",
    )
    for command in (tried, removed):
        command.add_argument("name")


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
    from deployments.cli.alerts import Alert, attempt, check_address, default_name, make

    check_address(given.kind, given.url)
    if given.source is not None:
        await _require_source(settings, given.source)
    name = given.name or default_name(given.kind, given.url, given.source)
    said = [await make(client, Alert(name, given.kind, given.url, given.source))]
    if given.test:
        said.append(await attempt(client, name))
    given.out.result({"name": name, "said": said})
    for line in said:
        given.out.say(line)
    return 0


async def _require_source(settings: Settings, source_id: int) -> None:
    from datasources.catalogue.engine import session_scope
    from datasources.catalogue.sources import is_registered

    async with session_scope(settings) as session:
        if not await is_registered(session, source_id):
            raise SourcecheckError(f"there is no data source {source_id}")


async def _list(client: Any, _: Settings, given: argparse.Namespace) -> int:
    from urllib.parse import urlsplit

    from deployments.cli.alerts import described, ours

    columns = ["name", "kind", "receiver", "data source", "paused"]
    rows: list[list[str]] = []
    for automation in await ours(client):
        alert = await described(automation)
        paused = "" if automation.enabled else "yes"
        if alert is None:
            rows.append([automation.name, "changed in Prefect", "", "", paused])
        else:
            about = "all" if alert.source_id is None else str(alert.source_id)
            rows.append([alert.name, alert.kind, urlsplit(alert.url).hostname or "", about, paused])
    given.out.result(
        [dict(zip(("name", "kind", "receiver", "data_source", "paused"), row, strict=True)) for row in rows]
    )
    given.out.table(columns, rows)
    return 0


async def _test(client: Any, _: Settings, given: argparse.Namespace) -> int:
    from deployments.cli.alerts import attempt

    said = await attempt(client, given.name)
    given.out.result({"name": given.name, "said": said})
    given.out.say(said)
    return 0


async def _remove(client: Any, _: Settings, given: argparse.Namespace) -> int:
    from deployments.cli.alerts import remove

    await remove(client, given.name)
    given.out.result({"removed": given.name})
    given.out.say(f"automation {given.name!r} is removed")
    return 0
