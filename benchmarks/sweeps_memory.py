"""Whether memory stays flat while sweeps check 1,000 sources every minute, on a stack of its own.

    python -m benchmarks.sweeps_memory --minutes 60

Prints the memory of each part once a minute (PSS, in MB), and in the end by how much each grows in an hour, fitted to
the samples after the first minutes. Ends with 1 when a part of ours or Prefect's server grows by more than
`MOST_GROWTH` of itself in an hour. PostgreSQL is shown and not judged: it fills the cache that it was given.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import linear_regression, mean

import msgspec
import psycopg
from msgspec import Struct
from rich.console import Console

from benchmarks.parts.sweeps import catalogue_of, copies, number, schedule
from benchmarks.tools import targets
from benchmarks.tools.lanes import bench_environ, own_lane
from benchmarks.tools.report import Table, where_and_when
from benchmarks.tools.timed import register
from datasources.model.settings import Settings
from deployments.stack.ports import free_port
from deployments.stack.start import Stack, running

ROLES = ("prefect", "api", "worker", "processes", "postgres")
JUDGED = ROLES[:-1]
SAMPLE_SECONDS = 60.0
WARM_MINUTES = 10
"""Samples that are not fitted: caches fill, and processes meet their first sweeps."""
MOST_GROWTH = 0.05
"""Of its own size, in an hour."""
RECORDS = "SELECT count(*) FROM health_records"
console = Console(highlight=False, soft_wrap=True, width=150)


class Sample(Struct, frozen=True):
    """What the parts had at one moment."""

    minute: float
    pss: Mapping[str, float]
    """MB, by role."""
    checks: int
    load: float

    def line(self) -> str:
        """As it is printed while the benchmark runs."""
        parts = ", ".join(f"{role} {self.pss.get(role, 0):.1f}" for role in ROLES)
        return f"{self.minute:6.1f} min  {parts} MB; {self.checks:,} checks; load {self.load:.1f}"


async def measure(minutes: float, sources: int, interval: int) -> list[Sample]:
    """Start a stack, have sources swept, and look at the memory of its parts."""
    with tempfile.TemporaryDirectory(prefix="sourcecheck-hour-") as home:
        settings = msgspec.structs.replace(
            Settings.load({}),
            home=str(Path(home) / "home"),
            api_port=free_port(),
            prefect_port=free_port(),
            scheduled_tests_per_minute=1_000_000,
            log_level="WARNING",
        )
        async with running(settings, console.print, with_demo_database=True) as stack:
            return await swept(stack, minutes, sources, interval)


async def swept(stack: Stack, minutes: float, sources: int, interval: int) -> list[Sample]:
    """The same, on a stack that runs."""
    lane, shop = own_lane(stack), await asyncio.to_thread(targets.shop, stack)
    samples: list[Sample] = []
    with psycopg.connect(catalogue_of(stack), autocommit=True) as session:
        async with lane.client() as client:
            (first,) = await register(client, {**shop, "temp_schema": None}, 1, "swept")
            await schedule(session, client, copies(session, first, sources), interval)
        began = time.monotonic()
        while (minute := (time.monotonic() - began) / 60) < minutes:
            await asyncio.sleep(SAMPLE_SECONDS)
            pss = {role: pss for role, (_, pss) in lane.trees.memory().items()}
            samples.append(Sample(minute + 1, pss, number(session, RECORDS), os.getloadavg()[0]))
            console.print(samples[-1].line())
    return samples


def growth(samples: Sequence[Sample], role: str) -> tuple[float, float]:
    """By how many MB a role grows in an hour, and its mean size."""
    minutes, sizes = [each.minute for each in samples], [each.pss.get(role, 0.0) for each in samples]
    return linear_regression(minutes, sizes).slope * 60, mean(sizes)


def judge(samples: Sequence[Sample]) -> tuple[Table, list[str]]:
    """The table of what grew, and the roles that grew by too much."""
    fitted = [each for each in samples if each.minute > min(WARM_MINUTES, samples[-1].minute / 2)]
    title = f"Memory over {samples[-1].minute:.0f} minutes of sweeps, MB (PSS)"
    table = Table(title, ("part", "first", "last", "least", "most", "MB/hour"))
    grown = []
    for role in ROLES:
        sizes = [each.pss.get(role, 0.0) for each in samples]
        slope, size = growth(fitted, role)
        table.rows.append((role, *(round(each, 1) for each in (sizes[0], sizes[-1], min(sizes), max(sizes), slope))))
        if role in JUDGED and slope > MOST_GROWTH * size:
            grown.append(role)
    table.notes.append(f"fitted from minute {fitted[0].minute:.0f} on; {samples[-1].checks:,} checks in all")
    return table, grown


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="benchmarks.sweeps_memory", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--sources", type=int, default=1000)
    parser.add_argument("--interval", type=int, default=60, help="seconds between two sweeps")
    given = parser.parse_args()
    bench_environ()
    where = where_and_when()
    samples = asyncio.run(measure(given.minutes, given.sources, given.interval))
    table, grown = judge(samples)
    console.print(where)
    table.show(console)
    for role in grown:
        console.print(f"[red]BROKEN[/] {role} grows")
    return int(bool(grown))


if __name__ == "__main__":
    sys.exit(main())
