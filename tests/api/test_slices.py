"""Long work leaves time for others."""

import asyncio
import time

from api.slices import SLICE_SECONDS, in_slices


async def test_others_have_their_turns() -> None:
    """Between items that take longer than a slice, always; between quick ones, rarely."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    waiting = asyncio.create_task(other())
    await asyncio.sleep(0)
    before = turns
    async for _ in in_slices(range(5)):
        time.sleep(SLICE_SECONDS * 1.5)
    assert turns - before >= 5
    waiting.cancel()
    assert [item async for item in in_slices("abc")] == ["a", "b", "c"]
