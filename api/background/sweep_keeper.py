"""Has every sweep taken up that has lost its runs, for what it has not checked; ends those whose time is over."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.background.periodic import PeriodicTask
from api.prefect.client import PrefectServer
from datasources.catalogue.health.sweeps import take_up


class SweepKeeper(PeriodicTask):
    """One loop a process; of several, one has each sweep."""

    name = "sweeps"
    failure = "lost sweeps could not be taken up"
    every_seconds = 5.0

    def __init__(self, sessions: async_sessionmaker[AsyncSession], prefect: PrefectServer) -> None:
        self._sessions = sessions
        self._prefect = prefect

    async def once(self) -> None:
        """Ask Prefect for the runs that are missing; where it does not answer, nothing has been written down."""
        async with self._sessions.begin() as session:
            for sweep_id, number in await take_up(session, datetime.now(UTC)):
                await self._prefect.schedules.start_run(sweep_id, number)
