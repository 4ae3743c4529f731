"""Tells Prefect of changes of a schema that queries may break on."""

from collections.abc import Sequence
from uuid import UUID

from prefect.events import Event
from sqlalchemy.ext.asyncio import AsyncSession

from api.background.announcer import MOST, Announcer
from api.prefect.schema_events import schema_event
from datasources.catalogue.locks import Lock
from datasources.catalogue.schemas.announced import UnsentSchemaChange, mark_sent, unsent_changes


class SchemaEvents(Announcer[UnsentSchemaChange]):
    """One loop a process."""

    name = "schema-announcer"
    failure = "changes of schemas could not be sent"
    lock = Lock.SCHEMA_EVENTS

    async def unsent(self, session: AsyncSession) -> Sequence[UnsentSchemaChange]:
        """Changes that a rule asks an event for, and that Prefect is not known to have."""
        return await unsent_changes(session, MOST)

    async def mark(self, session: AsyncSession, items: Sequence[UnsentSchemaChange], stored: set[UUID]) -> set[int]:
        """Note which of them Prefect has."""
        return await mark_sent(session, items, stored)

    def event(self, item: UnsentSchemaChange) -> Event:
        """What automations see."""
        return schema_event(item)
