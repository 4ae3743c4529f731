"""Requests that want the same thing at the same time share its making, and none gets what is older than its wish."""

import asyncio

import pytest

from api.shared import Shared


class Maker:
    """Makes numbers, one after the other, when the test lets it."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()
        self.fails = False

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        await self.may_end.wait()
        if self.fails:
            raise ConnectionError(str(number))
        return number


async def asked(shared: Shared[int], maker: Maker, count: int, place: int = 7) -> list[asyncio.Task[int]]:
    """So many requests that have got as far as they can."""
    tasks = [asyncio.create_task(shared.make(place, maker)) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_a_thousand_that_ask_at_once_cost_two_makings() -> None:
    """The first begins at once; those that ask while it is made are given the next one."""
    shared, maker = Shared[int](), Maker()
    tasks = await asked(shared, maker, 1) + await asked(shared, maker, 999)
    maker.may_end.set()
    assert await asyncio.gather(*tasks) == [1] + [2] * 999
    assert maker.begun == 2


async def test_what_began_before_a_request_is_not_given_to_it() -> None:
    """It may have been read before what the client has changed since."""
    shared, maker = Shared[int](), Maker()
    (early,) = await asked(shared, maker, 1)
    (late,) = await asked(shared, maker, 1)
    assert maker.begun == 1
    maker.may_end.set()
    assert (await early, await late) == (1, 2)
    assert await shared.make(7, maker) == 3


async def test_each_place_is_made_by_itself() -> None:
    """One job does not wait for another one."""
    shared, maker = Shared[int](), Maker()
    await asked(shared, maker, 1, place=7)
    await asked(shared, maker, 1, place=8)
    assert maker.begun == 2
    maker.may_end.set()


async def test_a_failure_is_shared_and_not_kept() -> None:
    """A catalogue that does not answer is asked twice, not a thousand times in a row; the next request asks again."""
    shared, maker = Shared[int](), Maker()
    tasks = await asked(shared, maker, 1) + await asked(shared, maker, 9)
    maker.fails = True
    maker.may_end.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(each) for each in found] == ["1"] + ["2"] * 9
    assert all(isinstance(each, ConnectionError) for each in found)
    with pytest.raises(ConnectionError, match="3"):
        await shared.make(7, maker)
    maker.fails = False
    assert await shared.make(7, maker) == 4


async def test_a_request_that_is_cancelled_leaves_it_to_the_next() -> None:
    """And nothing is left of any of them."""
    shared, maker = Shared[int](), Maker()
    (first,) = await asked(shared, maker, 1)
    (second,) = await asked(shared, maker, 1)
    first.cancel()
    maker.may_end.set()
    assert await second == 2
    with pytest.raises(asyncio.CancelledError):
        await first
    assert not shared._makings
