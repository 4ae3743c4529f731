"""Lengths of time as people write them: `30s`, `5m`, `1h`, `2d`."""

from sourcecheck.errors import SourcecheckError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int:
    """`30s`, `5m`, `1h` or `300` in seconds. Raises `SourcecheckError`."""
    unit = UNITS.get(text[-1:], 1)
    number = text[:-1] if text[-1:] in UNITS else text
    if not number.isdecimal() or not int(number):
        raise SourcecheckError(f"{text!r} is not an interval: write it like 30s, 5m or 1h")
    return int(number) * unit
