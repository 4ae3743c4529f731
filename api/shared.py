"""One making for many requests that want the same thing at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from msgspec import Struct, field

T = TypeVar("T")


class _Making(Struct, Generic[T]):
    """What is made at one place."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted_by: int = 0
    """Requests that have it made, or wait for it."""
    begun: int = 0
    """How often its making has begun."""
    ended: int = 0
    """The last making that has ended, well or not."""
    found: T | None = None
    error: Exception | None = None


class Shared(Generic[T]):
    """Makes what requests want, one making a place at a time; nothing is kept for requests that come later.

    A request never gets what began to be made before it asked: while one making is under way, those that ask wait for
    the next one, which one of them does for all.
    """

    def __init__(self) -> None:
        self._makings: dict[Hashable, _Making[T]] = {}

    async def make(self, place: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What a call of `make` that begins from now on returns. Raises what that call raises."""
        making = self._makings.setdefault(place, _Making())
        making.wanted_by += 1
        first = making.begun + 1
        try:
            async with making.turn:
                if making.ended < first:
                    await _carry_out(making, make)
        finally:
            making.wanted_by -= 1
            if not making.wanted_by:
                del self._makings[place]
        if making.error is not None:
            raise making.error
        return making.found  # type: ignore[return-value]  # without an error it is what was made


async def _carry_out(making: _Making[T], make: Callable[[], Awaitable[T]]) -> None:
    """One that is cancelled has not ended: the next request makes it itself."""
    making.begun += 1
    number = making.begun
    try:
        making.found, making.error = await make(), None
    except Exception as error:
        making.found, making.error = None, error
    making.ended = number
