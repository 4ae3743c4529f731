"""Sends every change of state to Prefect, once: stored with the check that decided it, so that none is lost.

A change counts as sent when Prefect has stored its event. Until then it is sent again now and then, under the same id.
"""

import time

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.background.periodic import PeriodicTask
from api.prefect.client import PrefectServer
from datasources.catalogue import locks
from datasources.catalogue.health.status_changes import mark_sent, unsent_changes
from datasources.catalogue.locks import Lock

AGAIN_SECONDS = 30.0
"""Prefect stores what it was sent within 5 s, or not at all: when it was stopped in between."""
MOST = 50
"""Changes in one request; Prefect answers at most so many."""


class StatusEvents(PeriodicTask):
    """One loop a process."""

    name = "announcer"
    failure = "changes of state could not be sent"
    every_seconds = 1.0

    def __init__(self, sessions: async_sessionmaker[AsyncSession], prefect: PrefectServer) -> None:
        self._sessions = sessions
        self._prefect = prefect
        self._sent: dict[int, float] = {}

    async def once(self) -> None:
        """Send what Prefect has not stored yet."""
        async with self._sessions.begin() as session:
            changes = await unsent_changes(session, MOST)
            if not changes or not await locks.try_to_take(session, Lock.STATUS_EVENTS):
                return
            done = await mark_sent(session, changes, await self._prefect.events.stored(changes))
            left = [change for change in changes if change.id not in done]
            now = time.monotonic()
            due = [change for change in left if now - self._sent.get(change.id, -AGAIN_SECONDS) >= AGAIN_SECONDS]
            if due:
                await self._prefect.events.send(due)
            self._sent = {change.id: self._sent[change.id] for change in left if change.id in self._sent}
            self._sent |= dict.fromkeys((change.id for change in due), now)
