"""Which sweep a check belongs to: rules for benchmarks that look for checks that were lost or came twice."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime


def count(moments: Sequence[datetime], records: Iterable[tuple[int, datetime]]) -> Counter[tuple[int, datetime]]:
    """How often each sweep checked each source: `records` are source and time of the checks, oldest first.

    The time of a check that was repeated by a run of its own is when that was asked for, which may have been after the
    next sweep had begun.
    """
    counts: Counter[tuple[int, datetime]] = Counter()
    for source, at in records:
        index = bisect_right(moments, at) - 1
        if index > 0 and counts[source, moments[index]] and not counts[source, moments[index - 1]]:
            counts[source, moments[index]] -= 1
            counts[source, moments[index - 1]] += 1
        if index >= 0:
            counts[source, moments[index]] += 1
    return +counts


def busy(moments: Sequence[datetime], tests: Iterable[tuple[int, datetime, datetime]]) -> set[tuple[int, datetime]]:
    """Sources that a sweep passed over, since a test of the sweep before was open: its record counts (docs/health.md).

    `tests` are source, begin and end.
    """
    return {(source, moment) for source, began, ended in tests for moment in moments if began < moment <= ended}
