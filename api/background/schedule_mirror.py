"""Keeps timetables as Prefect has them, so that runs and figures need not ask Prefect for them."""

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.background.periodic import PeriodicTask
from api.prefect.client import PrefectServer
from api.timetables import bring_into_line
from datasources.catalogue.health.timetables import differing


class ScheduleMirror(PeriodicTask):
    """One loop a process; several of them do no harm."""

    name = "plans"
    failure = "schedules could not be read"
    every_seconds = 15.0

    def __init__(self, sessions: async_sessionmaker[AsyncSession], prefect: PrefectServer) -> None:
        self._sessions = sessions
        self._prefect = prefect

    async def once(self) -> None:
        """Look for timetables that Prefect has otherwise, and bring each into line."""
        known = await self._prefect.schedules.read()
        async with self._sessions() as session:
            wrong, unknown = await differing(session, known)
        for timetable_id in unknown:  # made by a request that failed afterwards
            await self._prefect.schedules.remove(timetable_id)
        for timetable_id in wrong:
            async with self._sessions() as session:
                await bring_into_line(session, self._prefect.schedules, timetable_id)
