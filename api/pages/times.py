"""Times and figures in words: what a page says before its script puts the reader's own zone in."""

from datetime import UTC, datetime

UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def span(seconds: float) -> str:
    """A length of time in its largest unit: `45 s`, `3 min`, `2 h`, `5 d`."""
    for size, unit in UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def ago(at: datetime | None, now: datetime | None = None) -> str:
    """How long ago it was, or until it is."""
    if at is None:
        return "never"
    seconds = ((now or datetime.now(UTC)) - at).total_seconds()
    if seconds < 0:
        return f"in {span(-seconds)}"
    return "just now" if seconds < 10 else f"{span(seconds)} ago"


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as a moment."""
    return datetime.fromtimestamp(seconds, UTC)


def exact(at: datetime | None) -> str:
    """To the second, in UTC."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def machine(at: datetime | None) -> str:
    """As the attribute `datetime` wants it."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def milliseconds(value: float | None) -> str:
    """A duration: `850 ms`, `2.4 s`."""
    if value is None:
        return "–"
    if value < 1000:
        return f"{value:.0f} ms" if value >= 1 else "< 1 ms"
    return f"{value / 1000:.1f} s"


def percent(value: float | None) -> str:
    """An uptime that is 100 % only when it is: `99.98 %`."""
    if value is None:
        return "–"
    if value == 100:
        return "100 %"
    return f"{min(value, 99.99):.2f} %"
