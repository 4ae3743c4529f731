"""What Prefect runs, and what we expect, is one computation."""

from datetime import UTC, datetime, timedelta

import pytest
from prefect.server.schemas.schedules import CronSchedule

from datasources.health.cron import next_fire, refuse_cron

EXPRESSIONS = [
    "*/5 * * * *",
    "*/30 * * * *",
    "0 6 * * 1-5",
    "30 2 * * *",
    "15 2,3 * * *",
    "0 0 1-7 * 1",
    "0 0 * * 7",
    "0 16 */2 * 6",
    "0 0 29 2 *",
    "0 12 L * *",
    "0 9 * * 5#2",
]
ZONES = ["UTC", "Europe/Berlin", "America/Montreal", "Australia/Lord_Howe"]
MOMENTS = [
    datetime(2026, 3, 8, 5, 10, 2, tzinfo=UTC),
    datetime(2026, 3, 28, 12, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 24, 23, 59, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 5, 45, tzinfo=UTC),
    datetime(2026, 11, 25, 20, tzinfo=UTC),
]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", EXPRESSIONS)
async def test_the_next_time_is_the_one_that_prefect_plans(cron: str, zone: str) -> None:
    """Also in the nights in which clocks change, and where day and weekday read in two ways."""
    schedule = CronSchedule(cron=cron, timezone=zone)
    for moment in MOMENTS:
        planned = await schedule.get_dates(n=1, start=moment + timedelta(seconds=1))
        assert next_fire(cron, moment, zone) == planned[0].astimezone(UTC), moment


def test_what_never_fires() -> None:
    """There is no 30th of February."""
    assert next_fire("0 0 30 2 *", MOMENTS[0], "UTC") is None


@pytest.mark.parametrize(
    "cron", ["0 6 * * 1-5", "*/5 * * * *", "0 0 1-7 * 1", "0 0 */2 * *", "0 0 * * */2", "0 0 L * *"]
)
def test_what_reads_in_one_way_is_taken(cron: str) -> None:
    """A star in one of the two fields of days, or none in either."""
    refuse_cron(cron)


@pytest.mark.parametrize(
    ("cron", "sentence"),
    [
        ("0 16 */2 * 6", r"matches \*/2 or the weekday matches 6"),
        ("0 0 */1 * 1", "read in two ways"),
        ("0 0 1 * */2", "read in two ways"),
        ("0 0 30 2 *", "never matches a date"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("@daily", "five fields"),
        ("61 * * * *", "Invalid"),
        ("a b c d e", "Invalid"),
        ("H 9 * * *", "Invalid"),
    ],
)
def test_what_does_not_is_refused(cron: str, sentence: str) -> None:
    """With both readings, where there are two."""
    with pytest.raises(ValueError, match=sentence):
        refuse_cron(cron)
