"""Tables that a test makes for a moment: their names, which of them were left behind, and what becomes of each."""

import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

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


@asynccontextmanager
async def dropped(drop: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Drop at the end what was created before. If something else fails first, that is the error, and not the drop's.

    A cut leaves the table to a later sweep.
    """
    try:
        yield
    except CheckError:
        with suppress(CheckError):
            await drop()
        raise
    await drop()


def require_written(found: object, written: object, shown: str) -> None:
    """Raise `CheckError` if what was read, of the thing that is `shown`, is not what was written."""
    if found != written:
        message = f"Unable to read {shown}: it does not hold what was written"
        raise CheckError(ErrorCode.QUERY_ERROR, message, {"stage": "read"})
