"""What the benchmark of kills calls a broken promise: rules over made-up visits, checks and samples."""

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.kills.watched import Visit, at_once
from benchmarks.sweeps_memory import Sample, judge
from benchmarks.tools.sweep_counts import busy, count

FIRST = datetime(2026, 11, 26, 4, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MOMENTS = [FIRST, FIRST + MINUTE, FIRST + 2 * MINUTE]


@pytest.mark.parametrize(
    ("visits", "pairs"),
    [
        ([Visit(0, 7, 1.0, 2.0), Visit(0, 8, 2.5, 3.0)], 0),
        ([Visit(0, 7, 1.0, 2.0), Visit(0, 7, 1.5, 3.0)], 0),
        ([Visit(0, 7, 1.0, 2.0), Visit(1, 8, 1.5, 3.0)], 0),
        ([Visit(0, 7, 1.0, 2.0), Visit(0, None, 1.5, 3.0)], 0),
        ([Visit(0, 7, 1.0, 2.0), Visit(0, 8, 1.99, 3.0)], 0),
        ([Visit(0, 7, 1.0, 2.0), Visit(0, 8, 1.5, 3.0)], 1),
        ([Visit(0, 7, 1.0, 9.0), Visit(0, 7, 1.5, 2.0), Visit(0, 8, 5.0, 6.0)], 1),
        ([Visit(0, 7, 1.0), Visit(0, 8, 5.0)], 1),
    ],
    ids=["later", "one process", "another source", "unknown", "a moment", "at once", "a long one", "not over"],
)
def test_two_processes_at_one_source(visits: list[Visit], pairs: int) -> None:
    """Visits that overlap, of different processes, to the same source."""
    assert len(at_once(visits)) == pairs


@pytest.mark.parametrize(
    ("seconds", "counts"),
    [
        ([1, 61, 121], [1, 1, 1]),
        ([1, 121], [1, 0, 1]),
        ([1, 2, 61, 121], [2, 1, 1]),
        ([70, 75, 121], [1, 1, 1]),
        ([-5, 1], [1, 0, 0]),
    ],
    ids=["each once", "one is missing", "one came twice", "one was repeated late", "one before"],
)
def test_how_often_a_sweep_checked_a_source(seconds: list[int], counts: list[int]) -> None:
    """A check belongs to the newest sweep, or to the one before if that has none and this one has another."""
    found = count(MOMENTS, [(5, FIRST + timedelta(seconds=each)) for each in seconds])
    assert [found[5, moment] for moment in MOMENTS] == counts


@pytest.mark.parametrize(
    ("began", "ended", "passed_over"),
    [(5, 50, []), (5, 60, [1]), (5, 70, [1]), (5, 130, [1, 2]), (60, 70, []), (70, 80, [])],
    ids=["over in time", "until then", "for longer", "over two", "begun then", "begun later"],
)
def test_a_source_whose_test_is_still_open(began: int, ended: int, passed_over: list[int]) -> None:
    """The next sweep passes it over, and has not lost it."""
    found = busy(MOMENTS, [(5, FIRST + timedelta(seconds=began), FIRST + timedelta(seconds=ended))])
    assert found == {(5, MOMENTS[index]) for index in passed_over}


@pytest.mark.parametrize(("per_hour", "grown"), [(0.0, []), (4.0, []), (40.0, ["api"])])
def test_memory_that_grows(per_hour: float, grown: list[str]) -> None:
    """What the first minutes bring is no growth; a twentieth of its size in an hour is too much."""
    steady = {"prefect": 240.0, "worker": 148.0, "processes": 190.0}
    samples = [
        Sample(
            float(minute),
            steady | {"api": 120 + min(minute, 10) * 3 + per_hour * minute / 60, "postgres": 100.0 + minute * 5},
            minute * 1000,
            1.0,
        )
        for minute in range(1, 61)
    ]
    assert judge(samples)[1] == grown
