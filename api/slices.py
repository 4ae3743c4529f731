"""Long work of the event loop, done a slice at a time, so that it holds up no other request."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")

SLICE_SECONDS = 0.01
"""Of work between two moments at which others have their turn."""


async def in_slices(items: Iterable[T]) -> AsyncIterator[T]:
    """Each of these, with a pause for others whenever the work on them has taken a slice."""
    began = time.monotonic()
    for item in items:
        yield item
        if time.monotonic() - began > SLICE_SECONDS:
            await asyncio.sleep(0)
            began = time.monotonic()
