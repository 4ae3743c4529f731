"""Tells Prefect of every source that went down or came up."""

from collections.abc import Sequence
from uuid import UUID

from prefect.events import Event
from sqlalchemy.ext.asyncio import AsyncSession

from api.background.announcer import MOST, Announcer
from api.prefect.events import event
from datasources.catalogue.health.status_changes import UnsentChange, mark_sent, unsent_changes
from datasources.catalogue.locks import Lock


class StatusEvents(Announcer[UnsentChange]):
    """One loop a process."""

    name = "announcer"
    failure = "changes of state could not be sent"
    lock = Lock.STATUS_EVENTS

    async def unsent(self, session: AsyncSession) -> Sequence[UnsentChange]:
        """Changes of state that Prefect is not known to have."""
        return await unsent_changes(session, MOST)

    async def mark(self, session: AsyncSession, items: Sequence[UnsentChange], stored: set[UUID]) -> set[int]:
        """Note which of them Prefect has."""
        return await mark_sent(session, items, stored)

    def event(self, item: UnsentChange) -> Event:
        """What automations see."""
        return event(item)
