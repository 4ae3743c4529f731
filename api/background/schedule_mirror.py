"""Keeps a copy of every source's schedule beside the source, so that runs and figures need not ask Prefect for it."""

import time

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.background.periodic import PeriodicTask
from api.prefect.client import PrefectServer
from datasources.catalogue.tables import DataSource

LEAST_SECONDS = 15.0
"""After so long a change in the Prefect UI is known here, too."""
REST = 20
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
        self.every_seconds = max(LEAST_SECONDS, REST * (time.monotonic() - began))
        async with self._sessions.begin() as session:
            chosen = select(DataSource.id, DataSource.plan, DataSource.deleted_at)
            rows = await session.execute(chosen.where(DataSource.plan.is_not(None) | DataSource.id.in_(plans)))
            leftover = []
            for source_id, known, deleted_at in rows:
                plan = plans.get(source_id)
                if deleted_at is not None and plan is not None:
                    leftover.append(source_id)
                elif deleted_at is None and known != (plain := plan.plain() if plan else None):
                    await session.execute(update(DataSource).where(DataSource.id == source_id).values(plan=plain))
        for source_id in leftover:  # Prefect did not answer when its source was removed
            await self._prefect.schedules.remove(source_id)
