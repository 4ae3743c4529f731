"""`python -m benchmarks`: start a stack in a temporary home, measure, print, stop."""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field
from rich.console import Console

from benchmarks.parts import answers, measures, stages, sweeps
from benchmarks.parts import schemas as kept
from benchmarks.parts.plan import DEFAULT, QUICK, Plan
from benchmarks.tools import targets
from benchmarks.tools.lanes import Lane, bench_environ, lane, own_lane
from benchmarks.tools.report import Table, where_and_when
from benchmarks.tools.timed import Measured, percentiles
from datasources.model.errors import SourcecheckError
from datasources.model.settings import Settings
from deployments.stack.ports import free_port
from deployments.stack.start import Stack, running

PARTS = ("ours", "stages", "stock", "bare", "polling", "requests", "tunnel", "wide", "schemas", "growth", "sweeps")
CPU = ("CPU api", "CPU prefect")
WIDTH = 150
"""Columns of a terminal, at least: a table that is cut says nothing."""
OURS, STOCK = "ours", "stock process worker"
ADDED = "\n<!-- measured: everything below is replaced by `make bench` -->\n"


class Tables(Struct):
    """What is filled in."""

    speed: Table = field(
        default_factory=lambda: Table(
            "From the request to the final answer",
            measures.SPEED,
            notes=["CPU in seconds a test, above what idling costs, by process; `processes` are those that run flows"],
        )
    )
    memory: Table = field(
        default_factory=lambda: Table(
            "Memory, MB", ("what", "process", "RSS", "PSS"), notes=["PSS divides what processes share"]
        )
    )
    polled: Table = field(
        default_factory=lambda: Table(
            "How soon the API answers",
            answers.POLLED,
            notes=[
                "Each client asks again as soon as it is answered, unless the row says otherwise; 0 clients is what the"
                " servers spend without them"
            ],
        )
    )
    posted: Table = field(default_factory=lambda: Table("How soon a test is accepted", answers.POSTED))
    turns: Table = field(default_factory=lambda: Table("In turn with the flow alone, in one process", stages.TURNS))
    stages: Table = field(
        default_factory=lambda: Table(
            "Where the time of one test goes, one at a time",
            stages.STAGES,
            notes=["Since the request; `since then` is the time after the moment that the row names second"],
        )
    )
    growth: Table = field(
        default_factory=lambda: Table(
            "With more sources",
            ("sources", "one test, p50 ms", "at once", "passed", "p50 ms", "p95 ms", "POST p50 ms", "tests/s", *CPU),
        )
    )
    schemas: Table = field(
        default_factory=lambda: Table(
            "A schema kept, compared and read",
            kept.COLUMNS,
            notes=["CPU and memory of the process that keeps it, and of the API that reads it; without PostgreSQL's"],
        )
    )
    sweeps: Table = field(default_factory=lambda: Table("Scheduled checks", sweeps.COLUMNS))
    requests: Table = field(
        default_factory=lambda: Table(
            "Requests to Prefect for one test",
            ("who and what", OURS, STOCK),
            notes=[
                "One client waits with `?wait=60`; the API reads while a client waits: its share grows with the time"
            ],
        )
    )

    @property
    def filled(self) -> list[Table]:
        """Those that have something to show."""
        found = [self.speed, self.turns, self.stages, self.memory, self.polled, self.posted]
        found += [self.schemas, self.growth, self.sweeps, self.requests]
        return [table for table in found if table.rows]


class Bench(Struct):
    """One run."""

    stack: Stack
    plan: Plan
    console: Console
    began: float
    until: float
    """On the same clock: when to stop, whatever is left."""
    tables: Tables = field(default_factory=Tables)
    found: dict[str, dict[int, Measured]] = field(default_factory=dict)

    def say(self, text: str) -> None:
        """Progress, on a line of its own."""
        self.console.print(f"{time.monotonic() - self.began:6.0f} s  {text}", markup=False)

    async def run(self, wanted: Sequence[str]) -> None:
        """Measure these parts, one after the other: nothing else is to run meanwhile."""
        shop = await asyncio.to_thread(targets.shop, self.stack)
        ours = own_lane(self.stack)
        steps: dict[str, Callable[[], Awaitable[None]]] = {
            "ours": lambda: self._ours(ours, shop),
            "stages": lambda: self._stages(ours, shop),
            "polling": lambda: self._answers(ours, shop),
            "tunnel": lambda: self._tunnel(ours, shop),
            "wide": lambda: self._wide(ours),
            "schemas": lambda: kept.schemas(ours, shop, self.plan, self.tables.schemas, self.say),
            "growth": lambda: measures.growth(ours, shop, self.plan, self.tables.growth, self.say),
            "sweeps": lambda: sweeps.sweeps(self.stack, ours, shop, self.plan.sweeps, self.tables.sweeps, self.say),
            "stock": lambda: self._stock(shop),
            "bare": lambda: measures.bare(self.stack, shop, self.plan, self.tables.speed, self.say),
            "requests": lambda: self._requests(shop),
        }
        for name in wanted:
            try:
                async with asyncio.timeout(self.until - time.monotonic()):
                    await steps[name]()
            except TimeoutError:
                self.say(f"{name}: not finished, the time was over")
                self.tables.speed.notes.append(f"Not finished in time: {name}")
        self._compare()

    async def _ours(self, ours: Lane, shop: dict[str, Any]) -> None:
        self.found[OURS] = await measures.speed(
            ours, shop, self.plan.ours, self.plan, self.tables.speed, self.say, OURS
        )
        await measures.memory(ours, self.tables.memory, OURS)

    async def _answers(self, ours: Lane, shop: dict[str, Any]) -> None:
        await answers.polling(ours, shop, self.plan, self.tables.polled, self.say)
        await answers.posts(ours, shop, self.plan, self.tables.posted, self.say)
        await answers.pages(ours, shop, self.plan, self.tables.polled, self.say)

    async def _stages(self, ours: Lane, shop: dict[str, Any]) -> None:
        await stages.stages(self.stack, ours, shop, self.plan, self.tables.stages, self.tables.turns, self.say)

    async def _stock(self, shop: dict[str, Any]) -> None:
        self.say(f"{STOCK}: starting")
        async with lane(self.stack, "stock", "process", self.say) as stock:
            speed = self.tables.speed
            self.found[STOCK] = await measures.speed(stock, shop, self.plan.stock, self.plan, speed, self.say, STOCK)
            await measures.memory(stock, self.tables.memory, STOCK)

    async def _tunnel(self, ours: Lane, shop: dict[str, Any]) -> None:
        async with targets.behind_gateway(shop) as source:
            name = "ours, by an SSH tunnel"
            await measures.speed(ours, source, {1: self.plan.tunnel}, self.plan, self.tables.speed, self.say, name)

    async def _wide(self, ours: Lane) -> None:
        self.say(f"making {self.plan.tables} tables")
        source = await asyncio.to_thread(targets.wide, self.stack, self.plan.tables)
        name = f"ours, {self.plan.tables:,} tables"
        await measures.speed(ours, source, {1: self.plan.wide}, self.plan, self.tables.speed, self.say, name)

    async def _requests(self, shop: dict[str, Any]) -> None:
        kinds = {OURS: ("sourcecheck", self.plan.counted), STOCK: ("process", self.plan.counted_stock)}
        await measures.requests(self.stack, shop, kinds, self.plan, self.tables.requests, self.say)

    def _compare(self) -> None:
        ours, stock = self.found.get(OURS, {}), self.found.get(STOCK, {})
        for in_flight in sorted(ours.keys() & stock.keys()):
            times = percentiles(stock[in_flight].times)[0] / percentiles(ours[in_flight].times)[0]
            rate = ours[in_flight].rate / stock[in_flight].rate
            compared = f"ours is {times:.1f} times faster than stock (p50), and does {rate:.1f} times as many"
            self.tables.speed.notes.append(f"{in_flight} in flight: {compared}")


async def bench(
    plan: Plan, wanted: Sequence[str], console: Console, minutes: float, runs_per_process: int
) -> list[Table]:
    """Everything, on a stack of its own that is gone afterwards, also when the user stops it."""
    if us := asyncio.current_task():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, us.cancel)
    with tempfile.TemporaryDirectory(prefix="sourcecheck-bench-") as home:
        settings = msgspec.structs.replace(
            Settings.load({}),
            home=str(Path(home) / "home"),
            api_port=free_port(),
            prefect_port=free_port(),
            runs_per_process=runs_per_process,
            tests_per_minute=1_000_000,  # what is measured is the work, not its limits
            max_waiting_jobs=1_000_000,
            scheduled_tests_per_minute=1_000_000,
            log_level="WARNING",
        )
        async with running(settings, console.print, with_demo_database=True) as stack:
            now = time.monotonic()
            run = Bench(stack=stack, plan=plan, console=console, began=now, until=now + minutes * 60)
            await run.run(wanted)
        return run.tables.filled


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a handful of samples: only to see that it works")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure")
    parser.add_argument("--minutes", type=float, default=40, help="after which nothing more is measured (default 40)")
    parser.add_argument(
        "--runs-per-process", type=int, default=Settings().runs_per_process, help="1 is a fresh fork for each run"
    )
    parser.add_argument("--markdown", type=Path, help="write the tables into this file, below its mark if it has one")
    given = parser.parse_args()
    bench_environ()
    console = Console(highlight=False, soft_wrap=True, width=max(WIDTH, Console().width))
    where = where_and_when()
    try:
        found = asyncio.run(
            bench(QUICK if given.quick else DEFAULT, given.only, console, given.minutes, given.runs_per_process)
        )
    except SourcecheckError as error:
        sys.exit(f"benchmarks: {error}")
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
    console.print(where)
    for table in found:
        table.show(console)
    if given.markdown:
        write(given.markdown, where, found)


def write(file: Path, where: str, found: Sequence[Table]) -> None:
    """Replace what is below the mark."""
    kept = file.read_text().split(ADDED)[0] if file.exists() else ""
    lines = [f"Measured {where}.", "", *(line for table in found for line in table.markdown())]
    file.write_text(kept + ADDED + "\n" + "\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
