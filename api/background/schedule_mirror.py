"""Keeps a copy of every source's schedule beside the source, so that runs and figures need not ask Prefect for it."""

import time

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.background.periodic import PeriodicTask
from api.prefect.client import PrefectServer
from datasources.catalogue.sources import mirror_schedules

LEAST_SECONDS = 15.0
"""After so long a change in the Prefect UI is known here, too."""
IDLE_FACTOR = 20
"""Between two readings, as a multiple of what one takes: a thousand schedules take Prefect seconds."""


class ScheduleMirror(PeriodicTask):
    """One loop a process; several of them do no harm."""

    name = "plans"
    failure = "schedules could not be read"
    every_seconds = LEAST_SECONDS

    def __init__(self, sessions: async_sessionmaker[AsyncSession], prefect: PrefectServer) -> None:
        self._sessions = sessions
        self._prefect = prefect

    async def once(self) -> None:
        """Copy what has changed."""
        began = time.monotonic()
        plans = await self._prefect.schedules.read()
        self.every_seconds = max(LEAST_SECONDS, IDLE_FACTOR * (time.monotonic() - began))
        async with self._sessions.begin() as session:
            leftover = await mirror_schedules(session, plans)
        for source_id in leftover:  # Prefect did not answer when its source was removed
            await self._prefect.schedules.remove(source_id)
