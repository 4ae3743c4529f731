"""`python -m benchmarks.types [SAMPLES]`: what a connection and its version cost by type, beside the bare driver.

Both in one process, in turn: connect, ask for the version and close by the driver alone; then the steps `connection`
and `version_probe` as a test runs them, without API, queue and worker. CPU is that of this process, threads included.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.tools.engines import Engine, emulators, engines
from datasources.model.source import Source
from datasources.secrecy.scrubber import Scrubber
from tasks.context import StepContext
from tasks.steps import connection, version_probe

SAMPLES = 30
WARM = 3
"""Of each before the first that counts: imports, and what a driver keeps."""
DEADLINE_SECONDS = 60


class Cost:
    """Of one way to ask, in milliseconds a time."""

    def __init__(self) -> None:
        self.spent: list[float] = []
        self.worked: list[float] = []

    def measure(self, work: Callable[[], Any]) -> None:
        """Do it once."""
        began, cpu = time.perf_counter(), time.process_time()
        work()
        self.spent.append((time.perf_counter() - began) * 1000)
        self.worked.append((time.process_time() - cpu) * 1000)

    @property
    def shown(self) -> tuple[float, float]:
        """Median time, and mean CPU: the kernel counts CPU in steps."""
        return statistics.median(self.spent), statistics.fmean(self.worked)


async def ask(source: Source) -> str:
    """The two steps; answers the version."""
    check = StepContext(
        job_id=1, source_id=1, source=source, scrubber=Scrubber([]), deadline=time.time() + DEADLINE_SECONDS
    )
    await connection.run(check)
    return (await version_probe.run(check)).message


def compare(engine: Engine, samples: int, runner: asyncio.Runner) -> tuple[str, Cost, Cost]:
    """The version, the bare driver's cost and ours, measured in turn."""
    bare, ours, said = Cost(), Cost(), list[str]()
    for number in range(WARM + samples):
        if number == WARM:
            bare, ours = Cost(), Cost()
        bare.measure(engine.bare)
        ours.measure(lambda: said.append(runner.run(ask(engine.source))))
    return said[-1], bare, ours


def main(arguments: list[str]) -> None:
    """Print a row for each type."""
    samples = int(arguments[0]) if arguments else SAMPLES
    heads = ("driver ms", "driver CPU ms", "ours ms", "ours CPU ms", "more CPU ms")
    table = Table("product", *heads, title="Connect, ask for the version, close")
    with ExitStack() as stack, asyncio.Runner() as runner:
        for engine in [*stack.enter_context(engines()), *stack.enter_context(emulators())]:
            product, bare, ours = compare(engine, samples, runner)
            (driver, driver_cpu), (spent, worked) = bare.shown, ours.shown
            figures = (driver, driver_cpu, spent, worked, worked - driver_cpu)
            table.add_row(product, *(f"{figure:.1f}" for figure in figures))
    Console(width=120).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
