"""Rolls up and removes, every few minutes, in one of the processes that share a catalogue."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Self

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from datasources.catalogue.tidying import remove_old, roll_up
from datasources.settings import Settings

logger = logging.getLogger("sourcecheck.tidy")

EVERY_SECONDS = 600.0
FIRST_SECONDS = 20.0
"""A process that starts has better things to do."""
LOCK = 0x5C0003
"""PostgreSQL's advisory lock: of several processes one tidies."""


class Tidy:
    """One loop a process. It runs here and not in a flow, so that it runs while workers do not."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], settings: Settings) -> None:
        self._sessions = sessions
        self._settings = settings
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow(), name="tidy")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            try:
                await self._tidy()
            except SQLAlchemyError as error:
                logger.warning("the catalogue could not be tidied: %s", type(error).__name__)
            except Exception:
                logger.exception("the catalogue could not be tidied")
            await asyncio.sleep(EVERY_SECONDS)

    async def _tidy(self) -> None:
        async with self._sessions.begin() as session:  # holds the lock for as long as the work takes
            if not await session.scalar(select(func.pg_try_advisory_xact_lock(LOCK))):
                return
            now = datetime.now(UTC)
            hours = await roll_up(self._sessions, now)
            rows = await remove_old(self._sessions, self._settings, now)
            logger.info("rolled up %d hours, removed %d old rows", hours, rows)
