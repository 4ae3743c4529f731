"""Blocking calls in threads: bounded, interrupted, and left behind where they do not end."""

import asyncio
import threading
import time

import pytest

from datasources.databases.blocking import Calls, open_in_thread
from datasources.databases.limits import Limit
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode


async def test_a_call_returns_or_raises() -> None:
    """What the work returns or raises arrives as it is."""
    calls = Calls(lambda: None)
    assert await calls.within(Limit(5), "query", lambda: threading.current_thread().daemon) is True
    with pytest.raises(ZeroDivisionError):
        await calls.within(Limit(5), "query", lambda: 1 // 0)


async def test_a_call_beyond_its_limit_is_interrupted() -> None:
    """The interruption ends it, and the verdict names the stage."""
    ended = threading.Event()
    calls = Calls(ended.set)
    with pytest.raises(CheckError) as caught:
        await calls.within(Limit(0.1), "query", lambda: ended.wait(60))
    assert (caught.value.code, caught.value.details) == (ErrorCode.TIMEOUT, {"stage": "query"})
    assert ended.is_set()


@pytest.mark.parametrize("failing", [False, True])
async def test_a_call_that_does_not_end_is_left_behind(failing: bool) -> None:
    """Neither a driver that ignores the interruption nor one that fails at it holds anything up."""
    stubborn = threading.Event()

    def interrupt() -> None:
        if failing:
            raise OSError("already closed")

    started = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await Calls(interrupt).run(lambda: stubborn.wait(60))
    assert time.monotonic() - started < 20
    stubborn.set()


async def test_what_is_opened_too_late_is_closed() -> None:
    """A connection that comes when nobody waits for it any more is not kept."""
    opens, closed = threading.Event(), threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await open_in_thread(lambda: opens.wait(60), lambda made: closed.set())
    assert not closed.is_set()
    opens.set()
    async with asyncio.timeout(20):
        while not closed.is_set():
            await asyncio.sleep(0.01)
