"""When a cron expression fires, as Prefect reckons it: what Prefect runs and what we expect is one computation."""

import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

FIELDS = 5
"""Minute, hour, day of the month, month, day of the week; Prefect takes more, clients may not send them."""


def next_fire(cron: str, moment: datetime, timezone: str) -> datetime | None:
    """The first time after `moment` (aware) at which the expression fires, in UTC; None when it never does.

    Prefect reckons with the clock on the wall. Of an hour that comes twice it takes the first one. What falls into an
    hour that is left out comes an hour earlier up to Python 3.12, where Prefect reckons with pendulum, and later from
    3.13 on. Raises `ValueError` for what is no expression or no time zone.
    """
    try:
        zone = ZoneInfo(timezone)
    except (OSError, KeyError) as error:
        raise ValueError(f"{timezone} is not a time zone") from error
    wall = moment.astimezone(zone).replace(tzinfo=None, fold=0)
    try:
        found: datetime = croniter(cron, wall, day_or=True).get_next(datetime)
    except CroniterBadDateError:
        return None
    fire = found.replace(tzinfo=zone).astimezone(UTC)
    if sys.version_info < (3, 13) and fire.astimezone(zone).replace(tzinfo=None) != found:  # there is no such hour
        return found.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return fire


def refuse_cron(cron: str) -> None:
    """Raises `ValueError` with a sentence for an expression that is malformed, never fires, or reads in two ways."""
    fields = cron.split()
    if len(fields) != FIELDS:
        raise ValueError("A cron expression has five fields: minute, hour, day, month, weekday")
    try:
        fires = next_fire(cron, datetime(2026, 1, 1, tzinfo=UTC), "UTC")
    except (ValueError, KeyError) as error:
        raise ValueError("Invalid cron expression") from error
    if fires is None:
        raise ValueError("This cron expression never matches a date")
    day, weekday = fields[2], fields[4]
    stars = [field for field in (day, weekday) if field.startswith(("*", "?"))]
    if stars and {day, weekday}.isdisjoint({"*", "?"}):
        raise ValueError(
            f"The days of this expression read in two ways: Prefect runs it when the day matches {day} or the weekday"
            f" matches {weekday}, cron itself only when both match; write * for one of the two"
        )
