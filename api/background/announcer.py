"""Sends what people want to be told of to Prefect, once: stored with what decided it, so that none is lost.

Something counts as sent when Prefect has stored its event. Until then it is sent again now and then, under the same id.
"""

import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from prefect.events import Event
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.background.periodic import PeriodicTask
from api.prefect.client import PrefectServer
from api.prefect.events import Unsent
from datasources.catalogue import locks
from datasources.catalogue.locks import Lock

AGAIN_SECONDS = 30.0
"""Prefect stores what it was sent within 5 s, or not at all: when it was stopped in between."""
MOST = 50
"""Events in one request; Prefect answers at most so many."""

T = TypeVar("T", bound=Unsent)


class Announcer(PeriodicTask, Generic[T]):
    """One loop a process, for one kind of event; of several processes one sends at a time."""

    every_seconds = 1.0
    lock: ClassVar[Lock]

    def __init__(self, sessions: async_sessionmaker[AsyncSession], prefect: PrefectServer) -> None:
        self._sessions = sessions
        self._prefect = prefect
        self._sent: dict[int, float] = {}

    @abstractmethod
    async def unsent(self, session: AsyncSession) -> Sequence[T]:
        """The oldest of what Prefect is not known to have, `MOST` at most."""

    @abstractmethod
    async def mark(self, session: AsyncSession, items: Sequence[T], stored: set[UUID]) -> set[int]:
        """Note which of these Prefect has stored, by the ids of the events; answers their own ids."""

    @abstractmethod
    def event(self, item: T) -> Event:
        """What automations see."""

    async def once(self) -> None:
        """Send what Prefect has not stored yet."""
        async with self._sessions.begin() as session:
            items = await self.unsent(session)
            if not items or not await locks.try_to_take(session, self.lock):
                return
            done = await self.mark(session, items, await self._prefect.events.stored(items))
            left = [item for item in items if item.id not in done]
            now = time.monotonic()
            due = [item for item in left if now - self._sent.get(item.id, -AGAIN_SECONDS) >= AGAIN_SECONDS]
            if due:
                await self._prefect.events.send([self.event(item) for item in due])
            self._sent = {item.id: self._sent[item.id] for item in left if item.id in self._sent}
            self._sent |= dict.fromkeys((item.id for item in due), now)
