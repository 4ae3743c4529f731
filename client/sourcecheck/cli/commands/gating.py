"""The command `gate`: the exit code says whether a pipeline may go on."""

import re
from typing import Any

from sourcecheck.ages import seconds
from sourcecheck.cli import exits
from sourcecheck.cli.command import Invocation, add_command
from sourcecheck.cli.output import state
from sourcecheck.cli.text import ago
from sourcecheck.finding import choose
from sourcecheck.gate import Healthy, begin
from sourcecheck.models import Job, Source


def add_commands(commands: Any) -> None:
    """Add the command of this module."""
    gate = add_command(
        commands,
        "gate",
        _gate,
        "let a pipeline continue only if sources are healthy: by a recent result, or else a test",
        "sourcecheck gate Warehouse --max-age 10m && dbt build\n"
        'eval "$(sourcecheck gate Warehouse --export)"    # for a hook of dbt',
        notes="exit codes: 0 all are healthy, 1 one is not, 3 the service did not answer, 4 a question is open",
    )
    gate.add_argument("sources", nargs="+", metavar="NAME", help="names or ids")
    gate.add_argument(
        "--max-age", default="10m", metavar="AGE", help="the oldest result that still counts (default: 10m)"
    )
    gate.add_argument("--timeout", type=float, metavar="SECONDS", help="how long to wait for a test")
    gate.add_argument(
        "--export", action="store_true", help="print `export HEALTHY_NAME=TIME` for a shell, and nothing else"
    )


def _gate(call: Invocation) -> int:
    given, client = call.given, call.client
    seconds(given.max_age)
    known = client.list_sources()
    sources = [choose(name, known) for name in dict.fromkeys(given.sources)]
    begun = [(source, begin(source, given.max_age, client)) for source in sources]
    jobs: list[tuple[Source, Healthy | Job]] = [
        (source, one if isinstance(one, Healthy) else client.wait_for(one, given.timeout)) for source, one in begun
    ]
    call.out.result([{"source": source.name, "healthy": _is_healthy(one), "reason": _why(one)} for source, one in jobs])
    for source, one in jobs:
        _tell(call, source, one)
    return exits.of_jobs([one for _, one in jobs if isinstance(one, Job)])


def _is_healthy(one: Healthy | Job) -> bool:
    return isinstance(one, Healthy) or one.passed


def _why(one: Healthy | Job) -> str | None:
    """Why a source is not healthy."""
    if _is_healthy(one) or isinstance(one, Healthy):
        return None
    return one.question.message if one.question and one.status.asks else one.reason or one.status.value


def _tell(call: Invocation, source: Source, one: Healthy | Job) -> None:
    if call.given.export:
        if _is_healthy(one):
            print(f"export {variable(source.name)}={_when(one)}")
        else:
            call.out.complain(f"{source.name}: {_why(one)}")
        return
    word = "healthy" if _is_healthy(one) else one.status.value if isinstance(one, Job) else ""
    detail = f"tested {ago(one.tested_at)}" if isinstance(one, Healthy) else _why(one) or f"job {one.id}"
    call.out.say(f"{source.name}:", state(word), f"({detail})")


def _when(one: Healthy | Job) -> str:
    from datetime import UTC, datetime

    tested = one.tested_at if isinstance(one, Healthy) else datetime.now(UTC)
    return tested.strftime("%Y-%m-%dT%H:%M:%SZ")


def variable(name: str) -> str:
    """`HEALTHY_WAREHOUSE` for `Warehouse`: what a hook looks for."""
    return f"HEALTHY_{re.sub(r'[^A-Z0-9]+', '_', name.upper()).strip('_')}"
