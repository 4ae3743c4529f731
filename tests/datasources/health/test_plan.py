"""When the next check is due, and whose schedule it is."""

from datetime import UTC, datetime, timedelta

import pytest

from datasources.health.plan import Plan, slug_of, timetable_of

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("plan", "seconds"),
    [
        (Plan(interval_seconds=300), 300),
        (Plan(cron="0 * * * *", timezone="UTC"), 3600),
        (Plan(cron="30 12 * * *", timezone="UTC"), 1800),
        (Plan(cron="0 12 * * *", timezone="Europe/Berlin"), 22 * 3600),  # the clocks go forward in the night
        (Plan(cron="H 9 * * *", timezone="UTC"), None),  # what Prefect may understand, and we do not
        (Plan(rrule="FREQ=DAILY"), None),
        (Plan(interval_seconds=300, active=False), None),
    ],
)
def test_next_check(plan: Plan, seconds: float | None) -> None:
    """By interval, by cron in its time zone; nobody knows of what is paused or strange."""
    assert plan.expected_seconds(NOON) == seconds
    assert plan.next_after(NOON) == (None if seconds is None else NOON + timedelta(seconds=seconds))
    assert Plan.read(plan.plain()) == plan


@pytest.mark.parametrize("slug", [None, "", "timetable-", "timetable-x", "timetable-07", "timetable--7", "7"])
def test_other_schedules(slug: str | None) -> None:
    """They are nobody's of ours."""
    assert timetable_of(slug) is None
    assert timetable_of(slug_of(7)) == 7


def test_what_sources_share() -> None:
    """Two schedules have the same times whether they are paused or not; a pause of either side makes it inactive."""
    daily = Plan(cron="0 6 * * 1-5", timezone="Europe/Berlin")
    assert daily.paused(True).times == daily.times == daily
    assert [
        Plan(interval_seconds=300, active=active).paused(paused).active
        for active in (True, False)
        for paused in (True, False)
    ] == [False, True, False, False]
    assert (daily.words(), Plan(interval_seconds=300.0).words()) == ("at 0 6 * * 1-5 Europe/Berlin", "every 300 s")
