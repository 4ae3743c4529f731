"""Commands about who is told when a source goes down or comes back: alerts list, add, try, pause, resume, remove."""

import getpass
import sys
from typing import Any

from sourcecheck.cli.command import Invocation, Run, add_command, add_group
from sourcecheck.errors import SourcecheckError
from sourcecheck.finding import choose_alert
from sourcecheck.people import Alert


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    alerts = add_group(commands, "alerts", "list, add, try, pause and remove alerts of your organization")
    add_command(
        alerts, "list", _list, "list who hears when a source goes down or comes back", "sourcecheck alerts list"
    )
    new = add_command(
        alerts,
        "add",
        _add,
        "notify a webhook, a Slack channel or people by mail",
        "sourcecheck alerts add webhook https://hooks.example.org/sources\n"
        "sourcecheck alerts add slack --source Shop < address-file\n"
        'sourcecheck alerts add mail "mailtos://USER:PASSWORD@SMTP-HOST?from=ADDRESS&to=ADDRESS" --name "On call"',
        notes="\nAdministrators of the organization add alerts. The address is encrypted, and never shown again.",
    )
    new.add_argument("kind", choices=("webhook", "slack", "mail"), help="how to send it")
    new.add_argument(
        "address",
        nargs="?",
        metavar="ADDRESS",
        help="where the alert goes (default: prompt for it, or read standard input)",
    )
    new.add_argument(
        "--source", metavar="NAME", help="name or id of the one source that the alert is about (default: all)"
    )
    new.add_argument("--name", dest="called", metavar="NAME", help="name of the alert (default: its kind and receiver)")
    _add_action(alerts, "try", _try, "send an alert once, marked as a test")
    _add_action(alerts, "pause", _pause, "pause an alert")
    _add_action(alerts, "resume", _resume, "resume a paused alert")
    gone = _add_action(alerts, "remove", _remove, "remove an alert, and forget its address", " --yes")
    gone.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def _add_action(alerts: Any, name: str, run: Run, summary: str, more: str = "") -> Any:
    action = add_command(alerts, name, run, summary, f'sourcecheck alerts {name} "On call"{more}')
    action.add_argument("alert", metavar="NAME", help="name or id")
    return action


def _list(call: Invocation) -> int:
    alerts = call.client.list_alerts()
    call.out.result(alerts)
    about = {source.id: source.name for source in call.client.list_sources()} if alerts else {}
    rows = [
        [a.name, a.kind or "changed in Prefect", a.receiver or "", _about(a, about), "paused" if a.paused else ""]
        for a in alerts
    ]
    call.out.table(["name", "kind", "receiver", "about", ""], rows)
    return 0


def _about(alert: Alert, names: dict[int, str]) -> str:
    if alert.data_source_id is None:
        return "all sources"
    return names.get(alert.data_source_id, f"source {alert.data_source_id}")


def _add(call: Invocation) -> int:
    given = call.given
    source_id = call.client.find(given.source).id if given.source else None
    made = call.client.create_alert(
        given.kind, given.address or _read_address(), name=given.called, source_id=source_id
    )
    call.out.result(made)
    call.out.say(f"Added the alert {made.name!r}; `sourcecheck alerts try` sends it once, as a test")
    return 0


def _read_address() -> str:
    address = getpass.getpass("Address: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not address.strip():
        raise SourcecheckError("no address given: write it after the kind, enter it, or pipe it in")
    return address.strip()


def _try(call: Invocation) -> int:
    alert = _found(call)
    call.client.try_alert(alert.id)
    call.out.result({"sent": alert.id})
    call.out.say(f"Sent the alert {alert.name!r} as a test: look for it at the receiver")
    return 0


def _pause(call: Invocation) -> int:
    alert = call.client.pause_alert(_found(call).id)
    call.out.result(alert)
    call.out.say(f"Paused the alert {alert.name!r}")
    return 0


def _resume(call: Invocation) -> int:
    alert = call.client.resume_alert(_found(call).id)
    call.out.result(alert)
    call.out.say(f"Resumed the alert {alert.name!r}")
    return 0


def _remove(call: Invocation) -> int:
    alert = _found(call)
    if not call.is_sure(f"Remove the alert {alert.name!r}, and forget its address?"):
        return 0
    call.client.delete_alert(alert.id)
    call.out.result({"removed": alert.id})
    call.out.say(f"Removed the alert {alert.name!r}")
    return 0


def _found(call: Invocation) -> Alert:
    return choose_alert(call.given.alert, call.client.list_alerts())
