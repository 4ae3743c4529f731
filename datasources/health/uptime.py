"""Uptime: for how long a source was up, of the time for which we know.

The verdict of a check holds until the next check, but no longer than twice the interval at which checks were expected
then; after that we know nothing. A check outside of a schedule speaks for five minutes. `docs/health.md` has
examples.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct, field

from datasources.health.times import Times

HOUR = timedelta(hours=1)
VALID_INTERVALS = 2.0
"""How many expected intervals a verdict holds for at most."""
UNSCHEDULED_SECONDS = 300.0
"""How long a verdict holds at most when no check was expected after it."""


class Record(Struct, frozen=True, kw_only=True):
    """One finished check that says something about its source."""

    checked_at: datetime
    passed: bool
    response_time_ms: float | None = None
    expected_seconds: float | None = None
    """How long after it the next one was due; None without a schedule."""

    @property
    def holds_until(self) -> datetime:
        """When its verdict is too old, if no other check comes first."""
        seconds = UNSCHEDULED_SECONDS if self.expected_seconds is None else VALID_INTERVALS * self.expected_seconds
        return self.checked_at + timedelta(seconds=seconds)


class Tally(Struct, kw_only=True):
    """A stretch of a source's history, in figures that can be added up."""

    up: float = 0.0
    """Seconds for which the newest verdict was good."""
    down: float = 0.0
    checks: int = 0
    failures: int = 0
    times: Times = field(default_factory=Times)

    @property
    def known(self) -> float:
        """Seconds for which a verdict held."""
        return self.up + self.down

    @property
    def uptime(self) -> float | None:
        """Percent of the known time; before any time has passed, of the checks; None when nothing is known."""
        if self.known > 0:
            return 100 * self.up / self.known
        return 100 * (self.checks - self.failures) / self.checks if self.checks else None

    def count(self, record: Record) -> None:
        """One check that was made in this stretch."""
        self.checks += 1
        self.failures += not record.passed
        if record.response_time_ms is not None:
            self.times.add(record.response_time_ms)

    def hold(self, seconds: float, *, passed: bool) -> None:
        """A verdict held for so long."""
        if passed:
            self.up += seconds
        else:
            self.down += seconds

    def join(self, other: "Tally") -> None:
        """Another stretch, too."""
        self.up += other.up
        self.down += other.down
        self.checks += other.checks
        self.failures += other.failures
        self.times.join(other.times)


def tally(records: Sequence[Record], start: datetime, end: datetime) -> Tally:
    """The stretch from `start` to `end`, of records in the order of time.

    Those before `start` do not count as checks, but the last one's verdict may still hold.
    """
    found = Tally()
    for hour in hourly(records, start, end).values():
        found.join(hour)
    return found


def hourly(records: Sequence[Record], start: datetime, end: datetime) -> dict[datetime, Tally]:
    """The same stretch cut at full hours (UTC), by their beginning; hours of which nothing is known are left out."""
    found: dict[datetime, Tally] = {}
    for number, record in enumerate(records):
        if start <= record.checked_at < end:
            found.setdefault(floor(record.checked_at), Tally()).count(record)
        following = records[number + 1].checked_at if number + 1 < len(records) else end
        until = min(record.holds_until, following, end)
        for hour, seconds in _cut(max(record.checked_at, start), until):
            found.setdefault(hour, Tally()).hold(seconds, passed=record.passed)
    return found


def stale(newest: Record | None, now: datetime) -> bool:
    """Whether nothing is known about now."""
    return newest is None or now > newest.holds_until


def floor(moment: datetime) -> datetime:
    """The beginning of its hour, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _cut(start: datetime, end: datetime) -> Iterable[tuple[datetime, float]]:
    """The seconds between both, hour by hour."""
    while start < end:
        hour = floor(start)
        until = min(hour + HOUR, end)
        yield hour, (until - start).total_seconds()
        start = until
