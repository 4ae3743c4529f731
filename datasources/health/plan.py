"""When a source is checked next: an interval, or cron in a time zone."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from datasources.health.cron import next_fire

LEAST_SECONDS = 10
"""Shorter intervals are refused."""

SLUG = "timetable-"
"""With the timetable's id after it, what its schedule is called in Prefect."""


def slug_of(timetable_id: int) -> str:
    """What the timetable's schedule is called."""
    return f"{SLUG}{timetable_id}"


def timetable_of(slug: str | None) -> int | None:
    """The timetable whose schedule is called so; None for a schedule that is not ours."""
    number = (slug or "").removeprefix(SLUG)
    return int(number) if number.isascii() and number.isdigit() and slug == slug_of(int(number)) else None


class Plan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A schedule; exactly one of `interval_seconds`, `cron` and `rrule` is set."""

    interval_seconds: float | None = None
    cron: str | None = None
    rrule: str | None = None
    """Never set by us, but an operator may choose it in the Prefect UI."""
    timezone: str | None = None
    active: bool = True

    @classmethod
    def read(cls, data: dict[str, Any] | None) -> "Plan | None":
        """What `plain` wrote."""
        return None if data is None else msgspec.convert(data, cls)

    def plain(self) -> dict[str, Any]:
        """As JSON keeps it."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found

    @property
    def times(self) -> "Plan":
        """The same, active: what sources have in common that are checked at the same times."""
        return msgspec.structs.replace(self, active=True)

    def paused(self, paused: bool) -> "Plan":
        """The same for a source that is paused itself, or not."""
        return msgspec.structs.replace(self, active=self.active and not paused)

    def words(self) -> str:
        """The times in a few words, as Prefect's UI shows them."""
        if self.interval_seconds is not None:
            return f"every {self.interval_seconds:g} s"
        return f"at {self.cron or self.rrule or 'no time'} {self.timezone or 'UTC'}"

    def next_after(self, moment: datetime) -> datetime | None:
        """When a check is due after one that was due at `moment`; None when it never is, or cannot be told."""
        if not self.active:
            return None
        if self.interval_seconds is not None:
            return moment + timedelta(seconds=self.interval_seconds)
        if self.cron is None:
            return None
        try:
            return next_fire(self.cron, moment, self.timezone or "UTC")
        except (ValueError, KeyError):  # set in Prefect's UI, and not understood here
            return None

    def expected_seconds(self, moment: datetime) -> float | None:
        """How long after `moment` the next check is due."""
        due = self.next_after(moment)
        return None if due is None else (due - moment).total_seconds()

    def per_minute(self, moment: datetime) -> float:
        """How many checks a minute it makes, by the interval between the next two."""
        first = self.next_after(moment)
        second = self.next_after(first) if first else None
        if first is None or second is None:
            return 0.0
        return 60 / max(1.0, (second - first).total_seconds())
