"""Has every sweep taken up that has lost its runs, for what it has not checked; ends those whose time is over."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.background.periodic import PeriodicTask
from api.prefect.client import PrefectServer
from datasources.catalogue.health.sweeps import is_awaited, not_begun, take_up

LOST_BEFORE = "The run was lost before its sweep began"


class SweepKeeper(PeriodicTask):
    """One loop a process; of several, one has each sweep."""

    name = "sweeps"
    failure = "lost sweeps could not be resumed"
    every_seconds = 5.0

    def __init__(self, sessions: async_sessionmaker[AsyncSession], prefect: PrefectServer) -> None:
        self._sessions = sessions
        self._prefect = prefect

    async def once(self) -> None:
        """Ask Prefect for the runs that are missing; where it does not answer, nothing has been written down."""
        async with self._sessions.begin() as session:
            for sweep_id, number in await take_up(session, datetime.now(UTC)):
                await self._prefect.schedules.start_run(sweep_id, number)
        await self._begin_again()

    async def _begin_again(self) -> None:
        """Have those runs begin again that were lost before they had begun their sweep."""
        now = datetime.now(UTC)
        async with self._sessions() as session:
            if not await is_awaited(session, now):
                return
        lost = {(run.timetable_id, run.due_at): run for run in await self._prefect.schedules.lost_runs(now)}
        async with self._sessions() as session:
            moments = await not_begun(session, lost, now)
        for moment in moments:
            await self._prefect.run_again(lost[moment].flow_run_id, str(lost[moment].state_id), LOST_BEFORE, 0)
