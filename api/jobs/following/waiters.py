"""Clients that wait: they sleep until a reading shows what they wait for."""

import asyncio
from collections.abc import Callable
from contextlib import suppress


class Waiters:
    """Counts readings and wakes those that wait for one. Waiting costs nothing but memory."""

    def __init__(self) -> None:
        self._read = asyncio.Condition()
        self._readings = 0
        self._reading = False

    def begin(self) -> None:
        """A reading begins."""
        self._reading = True

    async def end(self) -> None:
        """A reading has ended, well or not."""
        async with self._read:
            self._reading = False
            self._readings += 1
            self._read.notify_all()

    async def tell(self) -> None:
        """Something that clients wait for has come true in the middle of a reading."""
        async with self._read:
            self._read.notify_all()

    async def until(self, holds: Callable[[], bool], seconds: float, *, urge: Callable[[], None]) -> None:
        """Return when a reading that began after this call shows that it holds, or when the time is up.

        `urge` is called before each reading that is waited for.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._read:
                # The one under way may have begun before what it is to show.
                first = self._readings + (2 if self._reading else 1)
                while self._readings < first or not holds():
                    urge()
                    await self._read.wait()
