"""Reads all of a long list, one batch after the other, so that no more than a batch is held in memory."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

Item = TypeVar("Item")
Place = TypeVar("Place")


async def in_batches(
    sessions: async_sessionmaker[AsyncSession],
    read: Callable[[AsyncSession, int, Place | None], Awaitable[list[Item]]],
    place_of: Callable[[Item], Place],
    size: int,
) -> AsyncIterator[list[Item]]:
    """Every item, up to `size` of them at a time, each batch read in a session of its own.

    `read` returns the next items, as many as asked for, after a place in the list; None is its beginning.
    """
    after: Place | None = None
    while True:
        async with sessions() as session:
            items = await read(session, size, after)
        if items:
            yield items
        if len(items) < size:
            return
        after = place_of(items[-1])
