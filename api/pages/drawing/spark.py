"""Response times as a small line."""

from collections.abc import Sequence
from itertools import groupby, pairwise
from statistics import median

from msgspec import Struct

from datasources.catalogue.health.overview import MOST_CHECKS, Check

HEIGHT = 24
MARGIN = 2


class Spark(Struct, frozen=True):
    """A line, its last point, and the figure beside it."""

    line: str
    """Outline of a path, one unit for each check; empty where there are fewer than two."""
    last: tuple[int, int] | None
    middle: float | None
    """The median in milliseconds."""
    width: int = MOST_CHECKS
    height: int = HEIGHT


def spark(checks: Sequence[Check]) -> Spark:
    """The response times of these checks, the newest at the right.

    One outlier does not flatten all others: the top is three medians, or what nine of ten stay below if that is more.
    """
    values = [check.ms for check in checks if check.ms is not None]
    if not values:
        return Spark(line="", last=None, middle=None)
    middle = median(values)
    top = max(3 * middle, sorted(values)[int(0.9 * (len(values) - 1))], 1.0)
    heights = [_height(value, top) for value in values]
    start = MOST_CHECKS - len(heights)
    steps = groupby(after - before for before, after in pairwise(heights))
    drawn = "".join(_step(rise, sum(1 for _ in run)) for rise, run in steps)
    line = f"M{start} {heights[0]}{drawn}" if drawn else ""
    return Spark(line=line, last=(MOST_CHECKS - 1, heights[-1]), middle=middle)


def _height(value: float, top: float) -> int:
    return round(HEIGHT - MARGIN - min(1.0, value / top) * (HEIGHT - 2 * MARGIN))


def _step(rise: int, times: int) -> str:
    return f"h{times}" if rise == 0 else f"l1{'' if rise < 0 else ' '}{rise}" * times
