"""Commands about how sources have been, and when they are checked: history, watch, schedule, open."""

import time
import webbrowser
from typing import Any

from rich.live import Live
from rich.table import Table
from rich.text import Text

from sourcecheck.ages import seconds
from sourcecheck.cli import exits
from sourcecheck.cli.command import Invocation, add_command
from sourcecheck.cli.output import Cell, state
from sourcecheck.cli.text import ago, duration, milliseconds, safe
from sourcecheck.errors import SourcecheckError
from sourcecheck.models import Health, Schedule, Source

WATCH_SECONDS = 5.0


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    past = add_command(
        commands,
        "history",
        _history,
        "show the history of a source: its state, uptime and newest checks",
        "sourcecheck history Shop --window 7d",
    )
    past.add_argument("source", metavar="NAME", help="name or id")
    past.add_argument("--limit", type=int, default=20, help="checks to show (default: 20)")
    past.add_argument("--window", help="figures of this window, such as 24h, 7d or 30d")
    watch = add_command(
        commands,
        "watch",
        _watch,
        "show the state of sources, and keep it up to date until Ctrl-C",
        "sourcecheck watch\nsourcecheck watch Shop --once",
    )
    watch.add_argument("sources", nargs="*", metavar="NAME", help="names or ids (default: all)")
    watch.add_argument("--once", action="store_true", help="show it once; exit code 1 if a source is down")
    _add_schedule(commands)
    page = add_command(commands, "open", _open, "open the service in a web browser", "sourcecheck open Shop")
    page.add_argument("source", nargs="?", metavar="NAME", help="name or id of a source")


def _add_schedule(commands: Any) -> None:
    schedule = add_command(
        commands,
        "schedule",
        _schedule,
        "show, set, pause or remove the schedule of a source",
        "sourcecheck schedule Shop\nsourcecheck schedule Shop --every 5m\n"
        'sourcecheck schedule Shop --cron "0 6 * * 1-5" --timezone Europe/Berlin\n'
        "sourcecheck schedule Shop --pause",
    )
    schedule.add_argument("source", metavar="NAME", help="name or id")
    what = schedule.add_mutually_exclusive_group()
    what.add_argument("--every", metavar="INTERVAL", help="check it at this interval, such as 30s, 5m or 1h")
    what.add_argument("--cron", metavar="EXPRESSION", help="check it at these times; five fields")
    what.add_argument("--pause", action="store_true", help="stop checking it, and keep the schedule")
    what.add_argument("--resume", action="store_true", help="check it again by the paused schedule")
    what.add_argument("--remove", action="store_true", help="remove the schedule")
    schedule.add_argument(
        "--timezone", metavar="ZONE", help="time zone of the cron expression, such as Europe/Berlin (default: UTC)"
    )


def _history(call: Invocation) -> int:
    source = call.client.find(call.given.source)
    health = call.client.health(source.id, limit=call.given.limit, window=call.given.window)
    call.out.result(health)
    uptime = "unknown" if health.uptime_percentage is None else f"{health.uptime_percentage:.2f} %"
    call.out.say(f"{source.name}: {_standing(health)}, uptime {uptime}")
    rows: list[list[Cell]] = [
        [ago(c.checked_at), state(c.status), milliseconds(c.response_time_ms), c.error_code or "", c.trigger or ""]
        for c in health.health_history
    ]
    call.out.table(["when", "state", "response", "code", "asked by"], rows)
    return exits.PASSED


def _standing(health: Health) -> str:
    """`failed for 3 h`, which is true of a source that was never up as well."""
    if not health.status_since:
        return "not checked yet"
    return f"{health.current_status} for {ago(health.status_since).removesuffix(' ago')}"


def _watch(call: Invocation) -> int:
    if call.given.once or not call.out.live:
        states = _states(call)
        call.out.result([{"source": source.name, "id": source.id, "health": health} for source, health in states])
        call.out.console.print(_screen(states))
        return exits.FAILED if any(health.current_status == "failed" for _, health in states) else exits.PASSED
    with Live(console=call.out.console, auto_refresh=False) as live:
        while True:
            live.update(_screen(_states(call)), refresh=True)
            time.sleep(WATCH_SECONDS)


def _states(call: Invocation) -> list[tuple[Source, Health]]:
    wanted = [call.client.find(name) for name in call.given.sources] or call.client.list_sources()
    found = [(source, call.client.health(source.id, limit=20)) for source in wanted]
    return sorted(found, key=lambda pair: (pair[1].current_status != "failed", pair[0].name))


def _screen(states: list[tuple[Source, Health]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("source", "type", "state", "since", "uptime", "response", "last checks"):
        table.add_column(column)
    for source, health in states:
        uptime = "" if health.uptime_percentage is None else f"{health.uptime_percentage:.2f} %"
        bar = Text.assemble(*(("▮", state(c.status).style or "dim") for c in reversed(health.health_history)))
        last = health.last_health_check
        table.add_row(
            Text(safe(source.name)),
            source.type,
            state(health.current_status),
            ago(health.status_since),
            uptime,
            milliseconds(last.response_time_ms if last else None),
            bar,
        )
    return table


def _schedule(call: Invocation) -> int:
    given, client = call.given, call.client
    source = client.find(given.source)
    if given.timezone and not given.cron:
        raise SourcecheckError("--timezone goes with --cron")
    if given.remove:
        client.delete_schedule(source.id)
        found = None
    elif given.every:
        found = client.put_schedule(source.id, interval_seconds=seconds(given.every))
    elif given.cron:
        found = client.put_schedule(source.id, cron=given.cron, timezone=given.timezone)
    else:
        found = client.get_schedule(source.id)
        if given.pause or given.resume:
            found = _switch(call, source, found, active=given.resume)
    call.out.result(found)
    call.out.say(f"{source.name}: {describe(found)}")
    return exits.PASSED


def _switch(call: Invocation, source: Source, now: Schedule | None, *, active: bool) -> Schedule:
    if now is None:
        raise SourcecheckError(f"{source.name} has no schedule")
    if now.rrule:
        raise SourcecheckError(f"the schedule of {source.name} was set in Prefect's UI: change it there")
    interval = round(now.interval_seconds) if now.interval_seconds else None
    return call.client.put_schedule(
        source.id, interval_seconds=interval, cron=now.cron, timezone=now.timezone if now.cron else None, active=active
    )


def describe(schedule: Schedule | None) -> str:
    """A schedule in words."""
    if schedule is None:
        return "no schedule"
    if schedule.interval_seconds:
        when = f"every {duration(schedule.interval_seconds)}"
    else:
        when = f"at {schedule.cron or schedule.rrule} ({schedule.timezone or 'UTC'})"
    return when if schedule.active else f"{when}, paused"


def _open(call: Invocation) -> int:
    address = call.client.url + (f"/sources/{call.client.find(call.given.source).id}" if call.given.source else "/")
    call.out.result({"url": address})
    call.out.say(address)
    webbrowser.open(address)
    return exits.PASSED
