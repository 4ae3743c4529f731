"""Sends every change of state to Prefect, once: written down with the check that decided it, forgotten by nobody.

A change counts as sent when Prefect has stored its event. Until then it is sent again now and then, under the same id.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import Self

from prefect.exceptions import PrefectException
from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.prefect import PrefectServer, Unreachable
from api.prefect_events import Change
from datasources.catalogue.tables import DataSource, Job, Organization, StatusChange

logger = logging.getLogger("sourcecheck.announcer")

EVERY_SECONDS = 1.0
AGAIN_SECONDS = 30.0
"""Prefect stores what it was sent within 5 s, or not at all: when it was stopped in between."""
MOST = 50
"""Changes in one request; Prefect answers at most so many."""
LOCK = 0x5C0002
"""PostgreSQL's advisory lock: of several processes one sends."""


class Announcer:
    """One loop a process."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], prefect: PrefectServer) -> None:
        self._sessions = sessions
        self._prefect = prefect
        self._sent: dict[int, float] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow(), name="announcer")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            try:
                await self._announce()
            except (*Unreachable, PrefectException, SQLAlchemyError) as error:
                logger.warning("changes of state could not be sent: %s", type(error).__name__)
            except Exception:
                logger.exception("changes of state could not be sent")
            await asyncio.sleep(EVERY_SECONDS)

    async def _announce(self) -> None:
        async with self._sessions.begin() as session:
            changes = await _unsent(session)
            if not changes or not await session.scalar(select(func.pg_try_advisory_xact_lock(LOCK))):
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
