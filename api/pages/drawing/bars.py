"""The newest checks as a bar: tall and red where a source failed, so that colour is not all that tells."""

from collections.abc import Sequence
from itertools import groupby

from msgspec import Struct

from datasources.catalogue.health.overview import MOST_CHECKS, Check

PITCH = 4
"""Width of a check with the gap behind it, which its stroke's dashes leave."""
HEIGHT = 24
THICK = {True: 17, False: 24, None: 7}
"""Height of the mark of a check that passed, one that failed, one that says nothing; all stand on the same ground."""
CLASSES = {True: "p", False: "f", None: "n"}


class Bar(Struct, frozen=True):
    """A bar as its parts: one path for each kind of check, and what its script needs to tell of each check."""

    paths: list[tuple[str, str, int]]
    """Class, line and thickness; checks of one kind that follow each other are one dashed line."""
    empty: int
    """Width of the part without checks, at the left."""
    facts: str
    """For each check `time:ms:code`, numbers in base 36. A time or code that repeats the last one is short."""
    label: str

    width: int = PITCH * MOST_CHECKS
    height: int = HEIGHT


def bar(checks: Sequence[Check]) -> Bar:
    """The bar of these checks, the newest at the right."""
    offset = MOST_CHECKS - len(checks)
    lines: dict[bool | None, str] = {}
    number = offset
    for passed, run in groupby(checks, key=lambda check: check.passed):
        length = sum(1 for _ in run)
        middle = f"{HEIGHT - THICK[passed] / 2:g}"
        lines[passed] = lines.get(passed, "") + f"M{PITCH * number} {middle}h{PITCH * length}"
        number += length
    return Bar(
        paths=[(CLASSES[passed], line, THICK[passed]) for passed, line in lines.items()],
        empty=max(0, PITCH * offset - 1),
        facts=_facts(checks),
        label=_label(checks),
    )


def _facts(checks: Sequence[Check]) -> str:
    """The first time is since 1970, each other one since the check before, and empty where that is as it was before."""
    parts, before, pause, reason = [], 0, 0, ""
    for check in checks:
        at = int(check.at)
        step = "" if at - before == pause else base36(at - before)
        ms = "" if check.ms is None else base36(round(check.ms))
        code = "" if check.passed else check.error_code or CLASSES[check.passed]
        parts.append(f"{step}:{ms}:{'=' if code and code == reason else code}".rstrip(":"))
        before, pause, reason = at, at - before, code or reason
    return " ".join(parts)


def _label(checks: Sequence[Check]) -> str:
    if not checks:
        return "No check yet"
    failed = sum(check.passed is False for check in checks)
    lost = sum(check.passed is None for check in checks)
    words = f"The last {len(checks)} checks: {len(checks) - failed - lost} passed, {failed} failed"
    return f"{words}, {lost} without a verdict" if lost else words


def base36(number: int) -> str:
    """As JavaScript's `parseInt(text, 36)` reads it."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    sign, number = ("-", -number) if number < 0 else ("", number)
    found = ""
    while True:
        number, rest = divmod(number, 36)
        found = digits[rest] + found
        if not number:
            return sign + found
