"""The measure of deadlines: what is ours counts, what the machine does besides does not."""

import asyncio
import time

import pytest

from tests.fix_deadline import ATTEMPTS, keeps_the_promise, spending


def test_what_is_ours_counts() -> None:
    """Waiting for an answer, and working without one."""
    with spending() as waiting:
        time.sleep(0.2)
    with spending() as working:
        began = time.thread_time()
        while time.thread_time() - began < 0.2:
            pass
    assert waiting.seconds > 0.15
    assert working.seconds > 0.15


async def test_a_promise_that_is_broken_three_times() -> None:
    """Once in time is enough; never is a defect, and the times are told."""
    seconds = iter([9.0, 1.0])

    async def once() -> float:
        await asyncio.sleep(0)
        return next(seconds)

    await keeps_the_promise(0.5, once)
    tries = []

    async def never() -> float:
        tries.append(1)
        return 3.5

    with pytest.raises(AssertionError, match=r"3\.50, 3\.50, 3\.50"):
        await keeps_the_promise(1, never)
    assert len(tries) == ATTEMPTS
