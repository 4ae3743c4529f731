"""Listens for changes of API keys: as long as none arrives, what was read of a key a moment ago is still true."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Self

from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from datasources.catalogue.organizations.key_changes import Beat, hearing_of_keys
from datasources.model.settings import Settings

logger = logging.getLogger("sourcecheck.keys")

BEAT_SECONDS = 0.3
"""Seconds between two heartbeats of the listening connection."""
BEAT_LIMIT = 2.0
"""How many seconds a heartbeat may take before the connection counts as lost."""
RETRY_SECONDS = 5.0
"""Seconds until the listener reconnects after the connection was lost or refused."""
REST_SECONDS = 60.0
"""Seconds without a request after which the heartbeat stops; the next request starts it again."""
NEVER = float("-inf")


class Silence(Struct):
    """The time in which no key changed, and what follows from that. All times are of a monotonic clock."""

    began: float = float("inf")
    """When the listener connected; earlier changes went unheard. Infinite while it is not connected."""
    broken: float = NEVER
    """When the last change arrived."""
    proved: float = NEVER
    """Every change before this moment has arrived."""

    def keeps(self, read: float) -> float:
        """Until when what was read of a key at the moment `read` is known to be true."""
        unchanged = read >= self.began and read > self.broken
        return max(read, self.proved) if unchanged else read


class KeyListener:
    """Keeps `silence` up to date, one for each process; while it cannot listen, `silence` vouches for nothing."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.silence = Silence()
        self._settings = settings
        self._clock = clock
        self._used = NEVER
        self._in_use = asyncio.Event()
        self._lost_before = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="KeyListener")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def note_use(self) -> None:
        """Note that a request has used a key, so that listening is worth its cost."""
        self._used = self._clock()
        self._in_use.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (SQLAlchemyError, TimeoutError) as error:
                if not self._lost_before:
                    logger.warning("changes of keys cannot be heard; looking keys up instead: %s", type(error).__name__)
            except Exception:
                logger.exception("changes of keys are not heard")
            self.silence.began = float("inf")
            self._lost_before = True
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        """Listen until the connection is lost."""
        async with hearing_of_keys(self._settings, self._note_change) as beat:
            self.silence.began = self._clock()
            self._lost_before = False
            while True:
                await self._beat(beat)
                await asyncio.sleep(BEAT_SECONDS)
                if self._clock() - self._used > REST_SECONDS:
                    self._in_use.clear()
                    await self._in_use.wait()

    async def _beat(self, beat: Beat) -> None:
        sent = self._clock()
        async with asyncio.timeout(BEAT_LIMIT):
            await beat()
        self.silence.proved = sent

    def _note_change(self) -> None:
        self.silence.broken = self._clock()
