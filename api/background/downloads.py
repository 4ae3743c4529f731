"""Keeps Prefect's schedules of downloads as the sources ask for them, and makes jobs of the downloads that are due."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.background.periodic import PeriodicTask
from api.jobs.following.watch import Watch
from api.prefect.client import PrefectServer
from datasources.catalogue import locks
from datasources.catalogue.locks import Lock
from datasources.catalogue.schemas.due import begin_due, forget_due, wanted_keys

FORGET_AFTER = timedelta(days=1)


class DownloadMirror(PeriodicTask):
    """One loop a process; of several, one looks at a time."""

    name = "download-schedules"
    failure = "download schedules could not be updated"
    every_seconds = 15.0

    def __init__(self, sessions: async_sessionmaker[AsyncSession], prefect: PrefectServer) -> None:
        self._sessions = sessions
        self._prefect = prefect

    async def once(self) -> None:
        """Make the schedules that are missing, and remove those that no source needs any longer."""
        async with self._sessions.begin() as session:  # holds the lock for as long as the work takes
            if not await locks.try_to_take(session, Lock.DOWNLOAD_SCHEDULES):
                return
            wanted = {key.slug: key for key in await wanted_keys(session)}
            there = await self._prefect.downloads.read()
            for slug in wanted.keys() - there.keys():
                await self._prefect.downloads.make(wanted[slug])
            for slug in there.keys() - wanted.keys():
                await self._prefect.downloads.remove(there[slug])


class DownloadQueue(PeriodicTask):
    """One loop a process; of several, one looks at a time."""

    name = "downloads"
    failure = "due downloads could not be started"
    every_seconds = 2.0

    def __init__(self, sessions: async_sessionmaker[AsyncSession], watch: Watch) -> None:
        self._sessions = sessions
        self._watch = watch

    async def once(self) -> None:
        """Make jobs of what is due, as many as may be."""
        async with self._sessions.begin() as session:
            if not await locks.try_to_take(session, Lock.DUE_DOWNLOADS):
                return
            begun = await begin_due(session)
            await forget_due(session, datetime.now(UTC) - FORGET_AFTER)
        if begun:
            self._watch.dispatch_soon()
