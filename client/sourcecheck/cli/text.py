"""Texts of the service as a terminal may show them."""

import unicodedata
from datetime import UTC, datetime

_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")


def safe(text: object) -> str:
    """The text on one line, without control characters and changes of direction, which a server could have sent."""
    return "".join(_visible(character) for character in str(text))


def _visible(character: str) -> str:
    if character in "\n\t\r":
        return " "
    if character in _BIDI or unicodedata.category(character) in ("Cc", "Cs"):
        return "\N{REPLACEMENT CHARACTER}"
    return character


def milliseconds(value: float | None) -> str:
    """A duration for people: `53 ms`, `1.3 s`; nothing for None."""
    if value is None:
        return ""
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def duration(seconds: float) -> str:
    """A length of time in the largest unit that divides it: `5 min`, `90 s`, `1 h`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def brief(message: str) -> str:
    """What a step says, without the reason of another step, which stands above it."""
    return "Not run, because the connection failed" if message.startswith("Not run, because the conn") else message


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago, in one unit: `12 s ago`, `3 h ago`; `never` for None."""
    if moment is None:
        return "never"
    seconds = max(0.0, ((now or datetime.now(UTC)) - moment).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
