"""Sends every change of state to Prefect, once: written down with the check that decided it, forgotten by nobody.

A change counts as sent when Prefect has stored its event. Until then it is sent again now and then, under the same id.
"""

import time
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.background.periodic import PeriodicTask
from api.prefect.client import PrefectServer
from api.prefect.events import Change
from datasources.catalogue import locks
from datasources.catalogue.locks import Lock
from datasources.catalogue.tables import DataSource, Job, Organization, StatusChange

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
            changes = await _unsent(session)
            if not changes or not await locks.try_to_take(session, Lock.STATUS_EVENTS):
                return
            stored = await self._prefect.events.stored(changes)
            done = [change.id for change in changes if change.event_id in stored]
            await session.execute(
                update(StatusChange).where(StatusChange.id.in_(done)).values(emitted_at=datetime.now(UTC))
            )
            now = time.monotonic()
            due = [
                c for c in changes if c.id not in done and now - self._sent.get(c.id, -AGAIN_SECONDS) >= AGAIN_SECONDS
            ]
            if due:
                await self._prefect.events.send(due)
            left = {change.id for change in changes} - set(done)
            self._sent = {number: at for number, at in self._sent.items() if number in left}
            self._sent |= dict.fromkeys((change.id for change in due), now)


async def _unsent(session: AsyncSession) -> list[Change]:
    """Changes that Prefect is not known to have, oldest first."""
    rows = await session.execute(
        select(StatusChange, DataSource.name, Organization.id, Organization.name, Job.flow_run_id)
        .join(DataSource, DataSource.id == StatusChange.source_id)
        .join(Organization, Organization.id == DataSource.organization_id)
        .outerjoin(Job, Job.id == StatusChange.job_id)
        .where(StatusChange.emitted_at.is_(None))
        .order_by(StatusChange.id)
        .limit(MOST)
    )
    return [
        Change(
            id=row.id,
            source_id=row.source_id,
            source_name=name,
            organization_id=organization_id,
            organization_name=organization,
            job_id=row.job_id,
            flow_run_id=run_id,
            changed_at=row.changed_at,
            was=row.was,
            became=row.became,
            reason=row.reason,
            error_code=row.error_code,
        )
        for row, name, organization_id, organization, run_id in rows
    ]
