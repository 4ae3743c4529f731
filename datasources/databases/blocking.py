"""A blocking driver's calls: each in a thread of a process that can be killed, and bounded by us, not by the driver."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from datasources.databases.limits import Limit
from datasources.network.threads import in_thread

T = TypeVar("T")

ABANDON_SECONDS = 0.5
"""How long an interrupted call may take to end before its thread is left to itself."""


class Calls:
    """The calls of one connection, one at a time.

    `interrupt` ends the call that is under way from another thread, and never waits: it shuts the socket down, or is
    the driver's own interrupt. No limit of a driver's is relied upon: a call that does not end although it was
    interrupted is left behind, and its thread ends with the process at the latest.
    """

    def __init__(self, interrupt: Callable[[], object]) -> None:
        self._interrupt = interrupt

    async def within(self, limit: Limit, stage: str, work: Callable[[], T]) -> T:
        """What `work` returns. Raises what it raises, and `CheckError`, TIMEOUT with this stage, after the limit."""
        async with limit.round(stage):
            return await self.run(work)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises; cancelling this interrupts it."""
        call = asyncio.ensure_future(in_thread(work))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            call.add_done_callback(_forget)
            with suppress(Exception):
                self._interrupt()
            await asyncio.wait([call], timeout=ABANDON_SECONDS)
            raise


async def open_in_thread(
    make: Callable[[], T], close: Callable[[T], object], interrupt: Callable[[], object] = lambda: None
) -> T:
    """What `make` opens; when this is cancelled meanwhile, `make` is interrupted, and what it opens is closed."""
    call = asyncio.ensure_future(in_thread(make))
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        with suppress(Exception):
            interrupt()
        closing = asyncio.ensure_future(_close_late(call, close))
        _LATE.add(closing)
        closing.add_done_callback(_LATE.discard)
        await asyncio.wait([closing], timeout=ABANDON_SECONDS)
        raise


_LATE: "set[asyncio.Task[None]]" = set()
"""The loop itself keeps no task alive."""


async def _close_late(call: "asyncio.Future[T]", close: Callable[[T], object]) -> None:
    with suppress(Exception):
        made = await call
        await in_thread(lambda: close(made))


def _forget(call: "asyncio.Future[T]") -> None:
    """Take what an interrupted call raises: no caller is left to read it."""
    if not call.cancelled():
        call.exception()
