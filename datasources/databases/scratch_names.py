"""Names of the tables that a test makes for a moment: how they are made, and which of them were left behind."""

import re
import secrets
import time
from collections.abc import Iterable

MARK = "sourcecheck_tmp"
MARKED = re.compile(rf"{MARK}_([0-9a-f]{{8,12}})_[0-9a-f]{{8}}")
LEFTOVER_SECONDS = 3600
"""A test is over by then; a younger table may be in use."""


def marked_name(now: float | None = None) -> str:
    """A random name, with the mark and the time by which leftovers are known."""
    return f"{MARK}_{int(time.time() if now is None else now):x}_{secrets.token_hex(4)}"


def leftovers(names: Iterable[str], now: float | None = None) -> list[str]:
    """Those that a test which was cut off left behind: with our mark, and older than an hour."""
    moment = time.time() if now is None else now
    return [name for name in names if (mark := MARKED.fullmatch(name)) and moment - int(mark[1], 16) > LEFTOVER_SECONDS]
