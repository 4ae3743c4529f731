"""A process whose event loop hangs ends itself, so that another one can repeat its work."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

STANDSTILL_SECONDS = 20
"""For how long the event loop may hang."""
WIND_SECONDS = 5.0
"""Between two times at which the clock is wound up."""


@asynccontextmanager
async def watched() -> AsyncIterator[None]:
    """For the length of the block, the kernel ends the process (SIGALRM) if its event loop hangs.

    A driver that never returns may hold the interpreter's lock, so that no thread and no handler of Python's would run;
    the signal's default action needs neither.
    """
    before = signal.signal(signal.SIGALRM, signal.SIG_DFL)
    winding = asyncio.create_task(_wind())
    try:
        yield
    finally:
        winding.cancel()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


async def _wind() -> None:
    while True:
        signal.alarm(STANDSTILL_SECONDS)
        await asyncio.sleep(WIND_SECONDS)
