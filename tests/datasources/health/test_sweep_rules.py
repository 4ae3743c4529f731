"""How a sweep goes is a set of rules: tables of sources, moments, and what comes of each."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from datasources.health.plan import Plan
from datasources.health.sweeps import (
    HELP_AFTER,
    LATENESS,
    Fate,
    Turn,
    fate,
    first_tests,
    full_test_due,
    itinerary,
    name_of,
    place,
    runs_wanted,
    spread_seconds,
    too_late,
)

DUE = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOW = DUE + timedelta(seconds=40)
SECOND = timedelta(seconds=1)
BEFORE, LATER = DUE - timedelta(minutes=5), DUE + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (Turn(), Fate.CHECK),
        (Turn(checked_for=BEFORE), Fate.CHECK),
        (Turn(checked_for=DUE), Fate.LEAVE),  # checked
        (Turn(checked_for=LATER), Fate.LEAVE),  # a newer sweep has taken our place
        (Turn(checked_for=DUE, claimed_until=NOW + SECOND), Fate.LEAVE),  # another run is at it
        (Turn(checked_for=BEFORE, claimed_until=NOW), Fate.LEAVE),  # the sweep before is still at it
        (Turn(checked_for=DUE, claimed_until=NOW - SECOND), Fate.ALONE),  # its run is lost
        (Turn(checked_for=BEFORE, claimed_until=NOW - SECOND), Fate.ALONE),
        (Turn(checked_for=BEFORE, lost=True), Fate.ALONE),  # it was lost the last time, and nothing has cleared it
        (Turn(checked_for=DUE, lost=True), Fate.LEAVE),
        (Turn(full_test_due=True), Fate.FULL),
        (Turn(full_test_due=True, checked_for=BEFORE, lost=True), Fate.ALONE),
        (Turn(full_test_due=True, checked_for=DUE), Fate.LEAVE),
        (Turn(full_test_due=True, busy=True), Fate.SKIP),
        (Turn(busy=True), Fate.SKIP),
        (Turn(busy=True, checked_for=BEFORE, lost=True), Fate.SKIP),
        (Turn(busy=True, checked_for=DUE, claimed_until=NOW - SECOND), Fate.SKIP),
        (Turn(busy=True, checked_for=DUE), Fate.LEAVE),
    ],
)
def test_fates(turn: Turn, expected: Fate) -> None:
    """Each source is checked once for each sweep, by one run at a time, and alone after its process was lost."""
    assert fate(turn, DUE, NOW) is expected


@pytest.mark.parametrize(
    ("count", "interval", "seconds", "runs"),
    [
        (0, 300, 0, 1),
        (1, 300, 0.05, 1),
        (412, 300, 20.6, 1),
        (412, 10, 9, 2),
        (1_000, 60, 50, 1),
        (10_000, 300, 270, 2),
        (10_000, None, 500, 1),  # a timetable that never comes again
        (100_000, 300, 270, 15),
        (1_000_000, 300, 270, 16),
    ],
)
def test_large_ones_are_spread_and_shared(count: int, interval: float | None, seconds: float, runs: int) -> None:
    """Over as many seconds as they need, and over the interval at most; then by as many runs as that takes."""
    assert spread_seconds(count, interval) == pytest.approx(seconds)
    assert runs_wanted(count, spread_seconds(count, interval)) == runs


def test_every_source_has_its_place() -> None:
    """The same one in each sweep, evenly spread, in each run's itinerary once."""
    assert place(7) == place(7)
    known = dict.fromkeys(range(1, 1001))
    stops = itinerary(known, DUE, 100)
    assert {stop.source_id for stop in stops} == set(known)
    assert all(DUE <= stop.at <= DUE + timedelta(seconds=50) for stop in stops)
    gaps = [later.at - earlier.at for earlier, later in pairwise(stops)]
    assert max(gaps) < timedelta(seconds=0.15)
    assert stops == sorted(stops)


def test_runs_share_a_sweep() -> None:
    """Each source is the share of one run, and of the others when it is late."""
    known = dict.fromkeys(range(1, 3001))
    itineraries = [itinerary(known, DUE, 60, number) for number in range(3)]
    for source_id in known:
        stops = [stop for stops in itineraries for stop in stops if stop.source_id == source_id]
        assert sorted(stop.ours for stop in stops) == [False, False, True]
        (ours,) = (stop.at for stop in stops if stop.ours)
        assert {stop.at for stop in stops if not stop.ours} == {ours + HELP_AFTER}


def test_those_that_were_left_out_come_first() -> None:
    """A machine that is too slow for all leaves out other sources each time."""
    stops = itinerary({1: DUE - timedelta(seconds=600), 2: DUE - timedelta(seconds=300), 3: None}, DUE, 300)
    assert (stops[0].source_id, stops[0].at) == (1, DUE)
    assert all(stop.at > DUE for stop in stops[1:])


@pytest.mark.parametrize(
    ("plan", "late", "newer"),
    [
        (Plan(interval_seconds=300), timedelta(), None),
        (Plan(interval_seconds=300), timedelta(seconds=299), None),
        (Plan(interval_seconds=300), timedelta(seconds=300), LATER),
        (Plan(interval_seconds=10), LATENESS, None),
        (Plan(interval_seconds=10), LATENESS + SECOND, DUE + timedelta(seconds=10)),
        (Plan(cron="0 * * * *", timezone="Europe/Berlin"), timedelta(hours=1), DUE + timedelta(hours=1)),
        (Plan(cron="0 * * * *", timezone="Europe/Berlin"), timedelta(minutes=59), None),
        (Plan(rrule="FREQ=DAILY"), timedelta(days=3), None),  # not reckoned here
    ],
)
def test_late_ones_drop_themselves(plan: Plan, late: timedelta, newer: datetime | None) -> None:
    """When a newer one is due; a little late is no matter."""
    assert too_late(plan, DUE, DUE + late) == newer


def test_a_night_in_which_the_clocks_change() -> None:
    """A sweep at four in the morning is followed by one 23 hours later when the clocks go forward in between."""
    four = datetime(2026, 3, 28, 3, tzinfo=UTC)  # four o'clock in Berlin, in winter
    plan = Plan(cron="0 4 * * *", timezone="Europe/Berlin")
    assert too_late(plan, four, four + timedelta(hours=22, minutes=59)) is None
    assert too_late(plan, four, four + timedelta(hours=23)) == four + timedelta(hours=23)


@pytest.mark.parametrize(
    ("due_at", "connected", "failed", "wanted"),
    [
        (None, None, None, True),
        (None, None, BEFORE, False),  # it was never reached
        (BEFORE, BEFORE, None, True),
        (NOW, BEFORE, None, True),
        (LATER, BEFORE, None, False),
        (BEFORE, DUE, BEFORE, True),
        (BEFORE, BEFORE, DUE, False),  # it cannot be reached: a quick check is enough to see that
    ],
)
def test_full_tests(due_at: datetime | None, connected: datetime | None, failed: datetime | None, wanted: bool) -> None:
    """Once a day, and until they pass; not of a source that cannot be reached."""
    assert full_test_due(due_at, connected, failed, NOW) is wanted


@pytest.mark.parametrize(
    ("count", "interval", "wanted"), [(5, 10, 20), (412, 300, 20), (10_000, 300, 139), (10_000, 86400, 40_000)]
)
def test_new_sources_are_tested_in_full_by_and_by(count: int, interval: float, wanted: int) -> None:
    """Few at once; of many, so many in each sweep that all of them are within six hours."""
    assert first_tests(count, interval) == wanted
    assert first_tests(count, None) == count


def test_names() -> None:
    """What an operator reads in Prefect."""
    assert name_of(Plan(interval_seconds=300), 412) == "sweep every 300 s · 412 sources"
    assert name_of(Plan(cron="0 6 * * 1-5", timezone="Europe/Berlin"), 1) == (
        "sweep at 0 6 * * 1-5 Europe/Berlin · 1 source"
    )
