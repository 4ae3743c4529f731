"""Listens for changes of keys: while it hears of none, what was known of a key a moment ago is still true."""

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
"""Between two signs of life of the listening connection."""
BEAT_LIMIT = 2.0
"""Seconds after which a sign of life that has not come means that the connection is lost."""
RETRY_SECONDS = 5.0
"""Until a connection that was lost, or refused, is tried again."""
REST_SECONDS = 60.0
"""After which the connection rests when no request has used a key; the next one has it go on."""
NEVER = float("-inf")


class Silence(Struct):
    """Since when and until when nothing was told, and what follows from that. Times are of a monotonic clock."""

    began: float = float("inf")
    """When the present listening began; what was read before may have changed unheard. Endless: nothing listens."""
    broken: float = NEVER
    """When a change was heard of last."""
    proved: float = NEVER
    """Whatever was changed before then has been heard."""

    def keeps(self, read: float) -> float:
        """Until when what was read of a key at this moment is known to be true."""
        unchanged = read >= self.began and read > self.broken
        return max(read, self.proved) if unchanged else read


class KeyListener:
    """One for each process; while it cannot listen, `silence` keeps nothing."""

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
        """A request has used a key: it pays to go on listening."""
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
        """Until the connection is lost."""
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
