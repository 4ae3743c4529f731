"""Blocking work beside the event loop, in threads that never hold up the end of the process."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")

NAME = "blocking-work"
"""What these threads are called."""


async def in_thread(work: Callable[[], Result]) -> Result:
    """Run `work` in a daemon thread of its own and wait for it.

    Not `asyncio.to_thread`: its threads are joined at exit, where one that hangs would hang everything. A caller that
    cancels this has to end the work, by closing what it waits for.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()

    def settle(setter: Callable[[Any], None], value: Any) -> None:
        if not outcome.done():
            setter(value)

    def run() -> None:
        setter: Callable[[Any], None]
        try:
            setter, value = outcome.set_result, work()
        except BaseException as error:
            setter, value = outcome.set_exception, error  # type: ignore[assignment]
        with suppress(RuntimeError):  # the loop is closed, and with it the caller is gone
            loop.call_soon_threadsafe(settle, setter, value)

    threading.Thread(target=run, name=NAME, daemon=True).start()
    return await outcome


def threads_left() -> int:
    """How many of these threads are still at work: after a test, those that nothing could end."""
    return sum(thread.name == NAME for thread in threading.enumerate())
