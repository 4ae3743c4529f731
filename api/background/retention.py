"""Rolls up and removes, every few minutes, in one of the processes that share a catalogue."""

import logging
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.background.periodic import PeriodicTask
from datasources.catalogue import locks
from datasources.catalogue.locks import Lock
from datasources.catalogue.retention import remove_old, roll_up
from datasources.model.settings import Settings

logger = logging.getLogger("sourcecheck.tidy")


class Retention(PeriodicTask):
    """One loop a process. It runs here and not in a flow, so that it runs while workers do not."""

    name = "tidy"
    failure = "old rows could not be removed from the catalogue"
    every_seconds = 600.0
    first_seconds = 20.0

    def __init__(self, sessions: async_sessionmaker[AsyncSession], settings: Settings) -> None:
        self._sessions = sessions
        self._settings = settings

    async def once(self) -> None:
        """Roll up, and remove what is old."""
        async with self._sessions.begin() as session:  # holds the lock for as long as the work takes
            if not await locks.try_to_take(session, Lock.RETENTION):
                return
            now = datetime.now(UTC)
            hours = await roll_up(self._sessions, now)
            rows = await remove_old(self._sessions, self._settings, now)
            logger.info("rolled up %d hours, removed %d old rows", hours, rows)
