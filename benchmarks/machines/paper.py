"""How many cores a number of sources takes, on paper: from what a test and a check were measured to cost each part."""

from collections.abc import Iterator, Mapping
from math import ceil, isfinite

from msgspec import Struct

from benchmarks.tools.report import Table

PARTS = ("PostgreSQL", "Redis", "Prefect's API", "Prefect's services", "nginx", "API", "worker")
ONE_THREAD = ("Redis", "Prefect's API", "Prefect's services", "nginx", "API")
"""A process of these uses one core at most."""
FULL = 0.7
"""Of a core, that a process may use for long: beyond that, requests wait for each other."""
DAY = 86_400
INTERVALS = (60, 300, 900, 3600)
SOURCES = (1_000, 10_000, 100_000)


class Costs(Struct, frozen=True):
    """Seconds of CPU by part, in one run on one machine."""

    test: Mapping[str, float]
    check: Mapping[str, float]
    idle: Mapping[str, float]
    """Cores, while there is nothing to do, by all processes of the part together."""


def cores(costs: Costs, tests: float, checks: float) -> dict[str, float]:
    """Cores of each part for so many tests and checks a second."""
    return {
        part: tests * costs.test.get(part, 0) + checks * costs.check.get(part, 0) + costs.idle.get(part, 0)
        for part in PARTS
    }


def processes(needed: Mapping[str, float]) -> dict[str, int]:
    """How many of each part that is one thread."""
    return {part: max(1, ceil(needed[part] / FULL)) for part in ONE_THREAD}


def limits(costs: Costs) -> Iterator[tuple[str, float, float]]:
    """What one process of each such part can do at most: tests a second, or checks a second."""
    for part in ONE_THREAD:
        test, check = costs.test.get(part, 0), costs.check.get(part, 0)
        yield part, (FULL / test if test else float("inf")), (FULL / check if check else float("inf"))


def on_paper(costs: Costs) -> Table:
    """Cores by part, for sources that are checked at an interval and tested in full once a day."""
    columns = ("sources", "every s", "checks/s", "tests/s", *PARTS, "cores in all")
    table = Table("On paper: cores for a number of sources", columns)
    for sources in SOURCES:
        for interval in INTERVALS:
            checks, tests = sources / interval, sources / DAY
            needed = cores(costs, tests, checks)
            many = processes(needed)
            shown = (f"{needed[part]:.1f}" + (f" ({many[part]})" if many.get(part, 1) > 1 else "") for part in PARTS)
            table.rows.append(
                (f"{sources:,}", interval, f"{checks:,.0f}", tests, *shown, f"{sum(needed.values()):.1f}")
            )
    table.notes.append(
        f"Each source is tested in full once a day. In brackets: processes, each at {FULL:.0%} of a core"
    )
    return table


def one_process(costs: Costs) -> Table:
    """What one process of a part can do, the first to be full first."""
    table = Table("What one process can do", ("part", "tests/s, alone", "checks/s, alone"))
    for part, tests, checks in sorted(limits(costs), key=lambda limit: limit[2]):
        table.rows.append((part, f"{tests:,.1f}", f"{checks:,.0f}" if isfinite(checks) else "–"))
    table.notes.append(f"At {FULL:.0%} of a core; – where a check costs it less than was measured")
    return table
