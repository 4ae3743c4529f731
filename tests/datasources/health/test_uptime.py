"""Uptime against series computed by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from datasources.health.uptime import Record, Tally, hourly, stale, tally

BEGIN = datetime(2026, 3, 1, 10, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """So many seconds after the beginning."""
    return BEGIN + timedelta(seconds=seconds)


def series(text: str, every: float = 60, expected: float | None = 60, first: float = 0) -> list[Record]:
    """A check for each letter: `+` passed, `-` failed, a blank is none; so many seconds apart."""
    return [
        Record(checked_at=at(first + every * n), passed=sign == "+", response_time_ms=n, expected_seconds=expected)
        for n, sign in enumerate(text)
        if sign != " "
    ]


BY_HAND = [
    # checks a minute apart; the end of the stretch in seconds; seconds up, seconds down
    ("+++++", 300, 300, 0),
    ("-----", 300, 0, 300),
    ("++---+++++", 600, 420, 180),  # down from 120 to 300
    ("+-+-+-+-+-", 600, 300, 300),  # flapping
    ("+", 30, 30, 0),
    ("+", 600, 120, 0),  # holds for twice the interval, then unknown
    ("-", 600, 0, 120),
    ("+    -", 360, 120, 60),  # 120 to 300 is unknown
    ("++  --", 360, 180, 120),  # holds from 60 to 180, unknown to 240
    ("+        +", 600, 180, 0),  # a service that was restarted in between
    ("", 600, 0, 0),
]


@pytest.mark.parametrize(("signs", "end", "up", "down"), BY_HAND)
def test_by_hand(signs: str, end: float, up: float, down: float) -> None:
    """Up, down and unknown seconds; unknown ones do not count."""
    found = tally(series(signs), BEGIN, at(end))
    assert (found.up, found.down) == (up, down)
    assert found.checks == len(signs.replace(" ", ""))
    assert found.failures == signs.count("-")
    expected = None if up + down == 0 else pytest.approx(100 * up / (up + down))
    assert found.uptime == expected


@pytest.mark.parametrize(("signs", "uptime"), [("+++", 100), ("---", 0)])
@pytest.mark.parametrize("apart", [0.5, 60, 7200])
def test_checks_that_nobody_scheduled(signs: str, uptime: float, apart: float) -> None:
    """Three by hand, and nothing else: all or nothing, however far apart, at once and a day later."""
    records = series(signs, every=apart, expected=None)
    for later in (1e-6, 100, 86400):
        assert tally(records, BEGIN, records[-1].checked_at + timedelta(seconds=later)).uptime == uptime


def test_checks_by_hand_that_are_far_apart_weigh_the_same() -> None:
    """Each speaks for five minutes, so that uptime is the share of checks."""
    found = tally(series("+-++", every=3600, expected=None), BEGIN, at(86400))
    assert (found.up, found.down, found.uptime) == (900, 300, 75)


def test_at_the_very_moment_of_a_check() -> None:
    """No time has passed: the share of checks."""
    found = Tally()
    found.count(Record(checked_at=BEGIN, passed=True))
    assert found.uptime == 100


def test_a_verdict_from_before_still_holds() -> None:
    """The last check before the stretch is not counted, but holds into it, for as long as it holds."""
    before = series("-", first=-30)
    found = tally([*before, *series("+", first=60)], BEGIN, at(120))
    assert (found.down, found.up, found.checks, found.failures) == (60, 60, 1, 0)
    late = tally(series("-", first=-100), BEGIN, at(3600))
    assert (late.down, late.known, late.uptime) == (20, 20, 0)


def test_an_interval_that_was_changed() -> None:
    """Each verdict holds for twice what was expected when it was made."""
    slow = [Record(checked_at=at(0), passed=True, expected_seconds=600)]
    quick = [Record(checked_at=at(900), passed=False, expected_seconds=10)]
    found = tally([*slow, *quick], BEGIN, at(3600))
    assert (found.up, found.down) == (900, 20)


def test_hours_add_up_to_the_whole() -> None:
    """Cut at full hours, nothing is lost and nothing counted twice; hours without knowledge are left out."""
    records = series("++-- +-+" * 20, every=300, expected=300)  # 160 times five minutes: 13 h 20 min
    start, end = BEGIN - timedelta(hours=3), BEGIN + timedelta(hours=20)
    hours = hourly(records, start, end)
    assert min(hours) == BEGIN
    assert max(hours) == BEGIN + timedelta(hours=13)
    assert all(0 < hour.known <= 3600 for hour in hours.values())
    joined = Tally()
    for hour in hours.values():
        joined.join(hour)
    whole = tally(records, start, end)
    assert (joined.checks, joined.failures) == (140, 60)
    assert (whole.checks, whole.failures, whole.times.buckets) == (140, 60, joined.times.buckets)
    # A group of eight: + + - - (holds on) + - + lasts 40 minutes: up for 20, down for 20; the last + holds for ten.
    assert (joined.up, joined.down) == (whole.up, whole.down) == (20 * 1200 + 300, 20 * 1200)


def test_stale() -> None:
    """After twice the interval nothing is known any more, as before the first check."""
    (record,) = series("+")
    assert stale(None, BEGIN)
    assert not stale(record, at(120))
    assert stale(record, at(121))
