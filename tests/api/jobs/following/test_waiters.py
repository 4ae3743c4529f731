"""Who waits for a reading gets one that began after it asked."""

import asyncio

from api.jobs.following.waiters import Waiters


def nothing() -> None:
    """Urge no reading."""


async def waiting(waiters: Waiters, holds: "list[bool]", urged: "list[int]", seconds: float = 60) -> asyncio.Task[None]:
    """A client that waits until something is in `holds`; it has begun to."""
    task = asyncio.create_task(waiters.until(lambda: bool(holds), seconds, urge=lambda: urged.append(1)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_a_reading_that_was_under_way_does_not_count() -> None:
    """It may have begun before that which it is to show."""
    waiters, urged = Waiters(), list[int]()
    waiters.begin()
    task = await waiting(waiters, [True], urged)
    await waiters.end()
    await asyncio.sleep(0)
    assert not task.done()
    waiters.begin()
    await waiters.end()
    await task
    assert len(urged) == 2


async def test_it_waits_until_the_readings_show_it() -> None:
    """However many they are."""
    waiters, urged, holds = Waiters(), list[int](), list[bool]()
    task = await waiting(waiters, holds, urged)
    for _ in range(3):
        waiters.begin()
        await waiters.end()
    await asyncio.sleep(0)
    assert not task.done()
    holds.append(True)
    waiters.begin()
    await waiters.end()
    await task


async def test_its_time_may_be_over() -> None:
    """Then it returns, and what holds is not asked any more."""
    await Waiters().until(lambda: False, 0.01, urge=nothing)
