"""Keys that were good a moment ago: a request with one of them asks the catalogue nothing.

All known keys are looked at again together, in one query, as often as requests need it: a key that was revoked, or
whose user has left, is refused within `FRESH_SECONDS` by every process of the API (docs/security.md).
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from datasources.catalogue.organizations.accounts import Caller, authenticate, callers_of, key_hash

FRESH_SECONDS = 0.9
"""For how long the last look is believed."""
LOOK_AGAIN_SECONDS = 0.4
"""After which the next request has the keys looked at again, without waiting for it."""
IDLE_SECONDS = 60.0
"""After which a key that no request has used is forgotten."""
MAX_KEYS = 5_000


class KnownKeys:
    """One for each process. Only keys that are good are kept: guessing is not made any cheaper."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], clock: Callable[[], float] = time.monotonic) -> None:
        self._sessions = sessions
        self._clock = clock
        self._callers: dict[bytes, Caller] = {}
        self._used: OrderedDict[bytes, float] = OrderedDict()
        """When each known key was used last, the longest unused first."""
        self._looked = clock()
        """When the last look at all of them began that has ended well."""
        self._looking: asyncio.Task[None] | None = None

    async def caller(self, raw_key: str) -> Caller | None:
        """Who the key stands for; None when it is unknown or revoked. Raises what SQLAlchemy raises."""
        hashed = key_hash(raw_key)
        if hashed not in self._callers:
            return await self._ask(raw_key, hashed)
        self._used[hashed] = self._clock()
        self._used.move_to_end(hashed)
        age = self._clock() - self._looked
        if age > LOOK_AGAIN_SECONDS:
            looking = self._look_again()
            if age > FRESH_SECONDS:
                await asyncio.shield(looking)
        return self._callers.get(hashed)

    def forget(self, hashed: bytes) -> None:
        """This process asks the catalogue about it again: it has just been revoked here."""
        self._callers.pop(hashed, None)
        self._used.pop(hashed, None)

    async def _ask(self, raw_key: str, hashed: bytes) -> Caller | None:
        if not self._callers:
            self._looked = self._clock()
        async with self._sessions() as session:
            await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})  # saves two round trips
            caller = await authenticate(session, raw_key)
        if caller is not None:
            self._callers[hashed] = caller
            self._used[hashed] = self._clock()
            self._forget_idle()
        return caller

    def _look_again(self) -> asyncio.Task[None]:
        """The look that is under way, or a new one: however many requests want it, it is one query."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
            self._looking.add_done_callback(_retrieve)
        return self._looking

    async def _look(self) -> None:
        began = self._clock()
        self._forget_idle()
        asked = set(self._callers)
        async with self._sessions() as session:
            await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
            found = await callers_of(session, asked)
        for hashed in asked:
            if hashed not in found:
                self.forget(hashed)
            elif hashed in self._callers:
                self._callers[hashed] = found[hashed]
        self._looked = began

    def _forget_idle(self) -> None:
        now = self._clock()
        while self._used and (len(self._used) > MAX_KEYS or now - next(iter(self._used.values())) > IDLE_SECONDS):
            self.forget(next(iter(self._used)))


def _retrieve(looking: asyncio.Task[None]) -> None:
    """A look that failed is said by the requests that wait for it; without one, the next request looks again."""
    if not looking.cancelled():
        looking.exception()
