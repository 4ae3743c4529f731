"""Keys that were good a moment ago: a request with one of them asks the catalogue nothing.

While the listener hears of no change, what was looked up stays true. Otherwise all known keys are looked at again
together, in one query, as often as requests need it: a key that was revoked, or whose user has left, is refused within
`FRESH_SECONDS` by every process of the API, whether it listens or not (docs/security.md).
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.key_listener import KeyListener
from datasources.catalogue.organizations.accounts import Caller, authenticate, callers_of, key_hash

FRESH_SECONDS = 0.9
"""For how long the last look, or the listener's last sign of life, is believed."""
LOOK_AGAIN_SECONDS = 0.4
"""After which the next request has the keys looked at again, without waiting for it."""
NOTE_SECONDS = 30.0
"""After which they are looked at although nothing has changed: a look notes that a key is in use."""
IDLE_SECONDS = 60.0
"""After which a key that no request has used is forgotten."""
MAX_KEYS = 5_000


class Known(Struct):
    """A key that was good. Times are of a monotonic clock."""

    caller: Caller
    read: float
    """When the look began that told who it stands for."""
    used: float
    """When a request used it last."""


class KnownKeys:
    """One for each process. Only keys that are good are kept: guessing is not made any cheaper."""

    def __init__(
        self,
        sessions: async_sessionmaker[AsyncSession],
        listener: KeyListener,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sessions = sessions
        self._listener = listener
        self._clock = clock
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        """By the key's hash, the longest unused first."""
        self._looking: asyncio.Task[None] | None = None

    async def caller(self, raw_key: str) -> Caller | None:
        """Who the key stands for; None when it is unknown or revoked. Raises what SQLAlchemy raises."""
        hashed, now = key_hash(raw_key), self._clock()
        known = self._known.get(hashed)
        if known is None:
            return await self._ask(raw_key, hashed)
        self._note_use(hashed, known)
        if self._age(known) > LOOK_AGAIN_SECONDS or now - known.read > NOTE_SECONDS:
            self._look_again()
        while known and self._age(known) > FRESH_SECONDS and known.read < now:  # the look under way may be an old one
            await asyncio.shield(self._look_again())
            known = self._known.get(hashed)
        return known.caller if known else None

    def forget(self, hashed: bytes) -> None:
        """This process asks the catalogue about it again: it has just been revoked here."""
        self._known.pop(hashed, None)

    def _age(self, known: Known) -> float:
        """Seconds since what is known of the key was true for certain."""
        return self._clock() - self._listener.silence.keeps(known.read)

    def _note_use(self, hashed: bytes, known: Known) -> None:
        known.used = self._clock()
        self._known.move_to_end(hashed)
        self._listener.note_use()

    async def _ask(self, raw_key: str, hashed: bytes) -> Caller | None:
        began = self._clock()
        async with self._sessions() as session:
            await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})  # saves two round trips
            caller = await authenticate(session, raw_key)
        if caller is not None:
            known = self._known[hashed] = Known(caller, read=began, used=began)
            self._note_use(hashed, known)
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
        asked = set(self._known)
        async with self._sessions() as session:
            await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
            found = await callers_of(session, asked)
        for hashed in asked:
            known = self._known.get(hashed)
            if known and known.read <= began:  # otherwise a request has asked about it since
                if hashed in found:
                    known.caller, known.read = found[hashed], began
                else:
                    self.forget(hashed)

    def _forget_idle(self) -> None:
        now = self._clock()
        while self._known and (len(self._known) > MAX_KEYS or now - _first(self._known).used > IDLE_SECONDS):
            self._known.popitem(last=False)


def _first(known: OrderedDict[bytes, Known]) -> Known:
    return next(iter(known.values()))


def _retrieve(looking: asyncio.Task[None]) -> None:
    """A look that failed is said by the requests that wait for it; without one, the next request looks again."""
    if not looking.cancelled():
        looking.exception()
