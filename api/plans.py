"""Keeps a copy of every source's schedule beside the source, so that runs and figures need not ask Prefect for it."""

import asyncio
import logging
from typing import Self

from prefect.exceptions import PrefectException
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.prefect import PrefectServer, Unreachable
from datasources.catalogue.tables import DataSource

logger = logging.getLogger("sourcecheck.plans")

EVERY_SECONDS = 15.0
"""After so long a schedule that was changed in the Prefect UI is known here, too."""


class Plans:
    """One loop a process; several of them do no harm."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], prefect: PrefectServer) -> None:
        self._sessions = sessions
        self._prefect = prefect
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow(), name="plans")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            try:
                await self._copy()
            except (*Unreachable, PrefectException, SQLAlchemyError) as error:
                logger.warning("schedules could not be read: %s", type(error).__name__)
            except Exception:
                logger.exception("schedules could not be read")
            await asyncio.sleep(EVERY_SECONDS)

    async def _copy(self) -> None:
        plans = await self._prefect.schedules.read()
        async with self._sessions.begin() as session:
            chosen = select(DataSource.id, DataSource.plan, DataSource.deleted_at)
            rows = await session.execute(chosen.where(DataSource.plan.is_not(None) | DataSource.id.in_(plans)))
            leftover = []
            for source_id, known, deleted_at in rows:
                plan = plans.get(source_id)
                if deleted_at is not None and plan is not None:
                    leftover.append(source_id)
                elif deleted_at is None and known != (plain := plan.plain() if plan else None):
                    await session.execute(update(DataSource).where(DataSource.id == source_id).values(plan=plain))
        for source_id in leftover:  # Prefect did not answer when its source was removed
            await self._prefect.schedules.remove(source_id)
