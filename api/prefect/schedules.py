"""The schedules of all sources: those of Prefect deployments, found again by their slug. Prefect has the truth."""

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Self
from uuid import UUID

import httpx
from msgspec import Struct
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.exceptions import ObjectNotFound, PrefectException
from sqlalchemy.ext.asyncio import AsyncSession

from api.prefect._private import plan_runs
from api.prefect.health_deployments import HealthDeployments
from api.prefect.timetables import plan_of, timetable
from datasources.health.plan import Plan, slug_of, source_of

logger = logging.getLogger("sourcecheck.schedules")

AHEAD_SECONDS = 120.0
"""How far ahead runs are asked for after a change; Prefect's own scheduler looks every minute."""
IDLE_FACTOR = 4.0
"""Rest between two such requests, in times of the last one's length: with many schedules each takes a while."""
CONFLICT = 409


class Known(Struct, frozen=True):
    """A schedule, and the deployment that has it."""

    deployment_id: UUID
    schedule: DeploymentSchedule


class Schedules:
    """Reads and changes them, and has Prefect plan the next runs at once."""

    def __init__(self, client: PrefectClient, deployment_name: str) -> None:
        self._client = client
        self._shares = HealthDeployments(client, deployment_name)
        self._changed: set[UUID] = set()
        self._change = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._refill(), name="schedules")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def read(self) -> dict[int, Plan]:
        """Every source's schedule, by the source's id."""
        found: dict[int, Plan] = {}
        for deployment in await self._shares.all():
            found |= {source_id: plan_of(known) for source_id, known in _by_source(deployment.schedules).items()}
        return found

    async def of(self, source_id: int) -> Plan | None:
        """One source's schedule."""
        known = await self._known(source_id)
        return plan_of(known.schedule) if known else None

    async def put(self, source_id: int, plan: Plan, session: AsyncSession) -> None:
        """Make a source's schedule, or change it; the session's lock keeps others from making the same deployment."""
        made = DeploymentScheduleCreate(
            schedule=timetable(source_id, plan),
            active=plan.active,
            parameters={"source_id": source_id},
            slug=slug_of(source_id),
        )
        known = await self._known(source_id)
        if known is None:
            deployment_id = await self._shares.found(source_id) or await self._shares.make(source_id, session)
            try:
                await self._client.create_deployment_schedules(deployment_id, [made])
            except httpx.HTTPStatusError as error:  # another process has made it meanwhile
                known = await self._known(source_id) if error.response.status_code == CONFLICT else None
                if known is None:
                    raise
            else:
                self._plan_anew(deployment_id)
                return
        await self._client.update_deployment_schedule(
            known.deployment_id,
            known.schedule.id,
            active=made.active,
            schedule=made.schedule,
            parameters=made.parameters,
        )
        self._plan_anew(known.deployment_id)

    async def activate(self, source_id: int, active: bool) -> Plan | None:
        """Pause a source's schedule, or go on with it; None when there is none."""
        known = await self._known(source_id)
        if known is None:
            return None
        if known.schedule.active is not active:
            await self._client.update_deployment_schedule(
                known.deployment_id, known.schedule.id, active=active, parameters={"source_id": source_id}
            )
            known.schedule.active = active
            self._plan_anew(known.deployment_id)
        return plan_of(known.schedule)

    async def remove(self, source_id: int) -> bool:
        """Remove a source's schedule; answers whether there was one."""
        known = await self._known(source_id)
        if known is None:
            return False
        try:
            await self._client.delete_deployment_schedule(known.deployment_id, known.schedule.id)
        except ObjectNotFound:
            return False
        self._plan_anew(known.deployment_id)
        return True

    async def _known(self, source_id: int) -> "Known | None":
        """The source's schedule as Prefect has it."""
        deployment_id = await self._shares.found(source_id)
        if deployment_id is None:
            return None
        try:
            found = await self._client.read_deployment_schedules(deployment_id)
        except ObjectNotFound:  # deployed anew, under another id
            self._shares.forget()
            deployment_id = await self._shares.found(source_id)
            found = await self._client.read_deployment_schedules(deployment_id) if deployment_id else []
        schedule = _by_source(found).get(source_id)
        return Known(deployment_id, schedule) if deployment_id and schedule else None

    def _plan_anew(self, deployment_id: UUID) -> None:
        self._changed.add(deployment_id)
        self._change.set()

    async def _refill(self) -> None:
        """A change makes Prefect forget the planned runs of the deployment, and plan new ones within a minute.

        That is too long for a short interval, so we ask for it; many changes at once are one request.
        """
        while True:
            await self._change.wait()
            self._change.clear()
            changed, self._changed = self._changed, set()
            began = time.monotonic()
            for deployment_id in changed:
                await self._plan_next(deployment_id)
            await asyncio.sleep(IDLE_FACTOR * (time.monotonic() - began))

    async def _plan_next(self, deployment_id: UUID) -> None:
        try:
            await plan_runs(self._client, deployment_id, AHEAD_SECONDS, runs=1)
        except (httpx.HTTPError, OSError, PrefectException) as error:
            logger.warning("the next runs could not be planned at once: %s", type(error).__name__)


def _by_source(schedules: Iterable[DeploymentSchedule]) -> dict[int, DeploymentSchedule]:
    return {source_id: known for known in schedules if (source_id := source_of(known.slug)) is not None}
