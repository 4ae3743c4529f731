"""What it costs that everything we set is set for one transaction (docs/postgres.md, "Behind a pooler").

    python -m benchmarks.guards postgresql://user:password@host/database [--rounds 8]

Asks a PostgreSQL server what the steps of a test ask, in turn with the guards of each transaction (limits, search path,
read-only) and with a bare BEGIN, and shows both side by side: medians of CPU and of time, and the ratio pair by pair.
"""

import argparse
import asyncio
import os
import statistics
import time
from contextlib import nullcontext
from unittest.mock import patch

from rich.console import Console
from rich.table import Table

from datasources.databases import database_of
from datasources.databases.globs import Globs
from datasources.databases.postgres.transaction import Terms
from datasources.databases.urls import source_from_url
from datasources.model.source import Source

TESTS = 30
"""In each half of a round."""


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="a PostgreSQL database whose user may read it")
    parser.add_argument("--rounds", type=int, default=8)
    given = parser.parse_args()
    os.environ.setdefault("SOURCECHECK_ALLOW_PRIVATE_NETWORKS", "true")
    source = source_from_url(given.url)
    asyncio.run(_half(source, bare=False))  # what is built once is built before anything is counted
    pairs = [tuple(asyncio.run(_half(source, bare=bare)) for bare in (False, True)) for _ in range(given.rounds)]
    table = Table("a test", "guarded, ms", "bare, ms", "ratio, median of pairs", title="Guards of each transaction")
    for number, what in enumerate(("CPU of the client", "by the clock")):
        guarded, bare = ([pair[half][number] for pair in pairs] for half in (0, 1))
        ratio = statistics.median(one / other for one, other in zip(guarded, bare, strict=True))
        table.add_row(what, f"{statistics.median(guarded):.1f}", f"{statistics.median(bare):.1f}", f"{ratio:.3f}")
    Console().print(table)


async def _half(source: Source, *, bare: bool) -> tuple[float, float]:
    """Median milliseconds of CPU and by the clock for one test."""
    times = []
    with patch.object(Terms, "begin", _bare) if bare else nullcontext():
        for _ in range(TESTS):
            clock, cpu = time.perf_counter(), time.process_time()
            await _test(source)
            times.append(((time.process_time() - cpu) * 1000, (time.perf_counter() - clock) * 1000))
    return statistics.median(t[0] for t in times), statistics.median(t[1] for t in times)


def _bare(_: Terms, *, writes: bool = False, snapshot: bool = False, own: bool = True) -> str:
    """A transaction without any guard but the snapshot that the catalogue's cursor needs."""
    return "BEGIN ISOLATION LEVEL REPEATABLE READ" if snapshot else "BEGIN"


async def _test(source: Source) -> None:
    """What the steps ask, each on a connection of its own."""
    for ask in ("identity", "tables", "lineage", "query"):
        async with database_of(source).connect(source) as session:
            if ask == "tables":
                [batch async for batch in session.tables(Globs())]
            elif ask == "lineage":
                await session.lineage(Globs())
            else:
                await (session.query("SELECT 1") if ask == "query" else session.identity())


if __name__ == "__main__":
    main()
