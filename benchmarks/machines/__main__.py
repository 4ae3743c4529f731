"""`python -m benchmarks.machines`: start what the compose file says, kill its parts, measure, stop."""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from rich.console import Console

from benchmarks.machines.capacity import capacity, replicas
from benchmarks.machines.images import missing
from benchmarks.machines.kills import Found, kill_each
from benchmarks.machines.network import why_not
from benchmarks.machines.paper import on_paper, one_process
from benchmarks.machines.running import Running, running
from benchmarks.tools.report import Table, where_and_when

BEGIN = "<!-- measured: what follows is replaced by `python -m benchmarks.machines --markdown FILE` -->\n"
END = "<!-- until here -->\n"
WANTED = ("capacity", "replicas", "kills")
console = Console(highlight=False, soft_wrap=True, width=150)


async def measure(run: Running, given: argparse.Namespace, began: float) -> tuple[list[Table], Found | None]:
    """One after the other, as they were named."""

    def say(text: str) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {text}", markup=False)

    tables: list[Table] = []
    found: Found | None = None
    for name in given.only:
        if name == "capacity":
            quantities = {"tests": given.tests, "swept": given.swept, "interval": given.interval}
            table, costs = await capacity(run, say, **quantities, idle_seconds=10)
            tables += [table, one_process(costs), on_paper(costs)]
        elif name == "replicas":
            tables.append(await replicas(run, say, tests=given.tests // 2))
        else:
            found = await kill_each(run, say, rest=given.rest)
            tables.append(found.table)
    return tables, found


def main() -> int:
    """The command; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.machines", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=WANTED, default=WANTED)
    parser.add_argument("--tests", type=int, default=96, help="that are measured")
    parser.add_argument("--swept", type=int, default=1000, help="sources that a sweep checks")
    parser.add_argument("--interval", type=int, default=60, help="seconds between two sweeps")
    parser.add_argument("--rest", type=float, default=12, help="seconds between two kills")
    parser.add_argument("--logs", type=Path, help="where to copy the logs of all parts at the end")
    parser.add_argument("--markdown", type=Path, help="put the tables between the marks of this file")
    given = parser.parse_args()
    if lacking := missing() or list(filter(None, [why_not()])):
        sys.exit(f"benchmarks.machines: {', '.join(lacking)}")
    where, began = where_and_when(), time.monotonic()
    with running() as run:
        console.print(f"{time.monotonic() - began:6.0f} s  every part of {len(run.cluster.containers)} is up")
        try:
            tables, found = asyncio.run(measure(run, given, began))
        finally:
            keep_logs(run, given.logs)
    console.print(where)
    for table in tables:
        table.show(console)
    if given.markdown:
        given.markdown.write_text(filled(given.markdown.read_text(), where, tables))
    for what, who in (found.broken if found else {}).items():
        console.print(f"[red]BROKEN[/] {what}: {len(who)}")
        console.print(who[:5], markup=False)
    return int(bool(found and found.broken))


def filled(text: str, where: str, tables: list[Table]) -> str:
    """The text with these tables between its marks."""
    above, _, rest = text.partition(BEGIN)
    lines = [f"Measured {where}.", "", *(line for table in tables for line in table.markdown())]
    return above + BEGIN + "\n" + "\n".join(lines).rstrip() + "\n\n" + END + rest.partition(END)[2]


def keep_logs(run: Running, folder: Path | None) -> None:
    """Copy what every part has written, if that is wanted."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        for log in run.cluster.folder.glob("*.log"):
            (folder / log.name).write_bytes(log.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
