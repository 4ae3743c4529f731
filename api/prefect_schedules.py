"""The schedules of all sources: those of one Prefect deployment, found again by their slug. Prefect has the truth."""

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.exceptions import ObjectNotFound, PrefectException

from datasources.health.plan import Plan, slug_of, source_of

logger = logging.getLogger("sourcecheck.schedules")

ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)
GOLDEN = 0.6180339887498949
"""Multiples of it, without their whole part, are spread evenly however many there are."""
AHEAD_SECONDS = 120.0
"""How far ahead runs are asked for after a change; Prefect's own scheduler looks every minute."""
REST = 4.0
"""Rest between two such requests, in times of the last one's length: with many schedules each takes a while."""
CONFLICT = 409


class Schedules:
    """Reads and changes them, and has Prefect plan the next runs at once."""

    def __init__(self, client: PrefectClient, deployment_name: str) -> None:
        self._client = client
        self._name = deployment_name
        self._id: UUID | None = None
        self._changed = asyncio.Event()
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
        return {source_id: plan_of(found) for source_id, found in (await self._found()).items()}

    async def put(self, source_id: int, plan: Plan) -> None:
        """Make a source's schedule, or change it."""
        made = DeploymentScheduleCreate(
            schedule=timetable(source_id, plan),
            active=plan.active,
            parameters={"source_id": source_id},
            slug=slug_of(source_id),
        )
        deployment_id = await self._deployment()
        try:
            await self._client.create_deployment_schedules(deployment_id, [made])
        except httpx.HTTPStatusError as error:
            if error.response.status_code != CONFLICT:
                raise
            known = (await self._found())[source_id]
            await self._client.update_deployment_schedule(
                deployment_id, known.id, active=made.active, schedule=made.schedule, parameters=made.parameters
            )
        self._changed.set()

    async def activate(self, source_id: int, active: bool) -> Plan | None:
        """Pause a source's schedule, or go on with it; None when there is none."""
        known = (await self._found()).get(source_id)
        if known is None:
            return None
        if known.active is not active:
            await self._client.update_deployment_schedule(
                await self._deployment(), known.id, active=active, parameters={"source_id": source_id}
            )
            known.active = active
            self._changed.set()
        return plan_of(known)

    async def remove(self, source_id: int) -> bool:
        """Remove a source's schedule; answers whether there was one."""
        known = (await self._found()).get(source_id)
        if known is None:
            return False
        try:
            await self._client.delete_deployment_schedule(await self._deployment(), known.id)
        except ObjectNotFound:
            return False
        self._changed.set()
        return True

    async def _found(self) -> dict[int, DeploymentSchedule]:
        try:
            found = await self._client.read_deployment_schedules(await self._deployment())
        except ObjectNotFound:  # deployed anew, under another id
            self._id = None
            found = await self._client.read_deployment_schedules(await self._deployment())
        return {source_id: schedule for schedule in found if (source_id := source_of(schedule.slug)) is not None}

    async def _deployment(self) -> UUID:
        if self._id is None:
            self._id = (await self._client.read_deployment_by_name(self._name)).id
        return self._id

    async def _refill(self) -> None:
        """A change makes Prefect forget the planned runs of all schedules, and plan new ones within a minute.

        That is too long for a short interval, so we ask for it; many changes at once are one request.
        """
        while True:
            await self._changed.wait()
            self._changed.clear()
            began = time.monotonic()
            try:
                await self._client.request(
                    "POST",
                    "/deployments/{id}/schedule",
                    path_params={"id": await self._deployment()},
                    json={"min_time": AHEAD_SECONDS, "min_runs": 1},
                )
            except (httpx.HTTPError, OSError, PrefectException) as error:
                logger.warning("the next runs could not be planned at once: %s", type(error).__name__)
            await asyncio.sleep(REST * (time.monotonic() - began))


def timetable(source_id: int, plan: Plan) -> IntervalSchedule | CronSchedule:
    """As Prefect has it; sources of one interval are spread evenly over it."""
    if plan.cron is not None:
        return CronSchedule(cron=plan.cron, timezone=plan.timezone or "UTC")
    interval = timedelta(seconds=plan.interval_seconds or 0)
    return IntervalSchedule(interval=interval, anchor_date=ANCHOR + interval * (source_id * GOLDEN % 1))


def plan_of(found: DeploymentSchedule) -> Plan:
    """As we have it."""
    schedule: Any = found.schedule
    if isinstance(schedule, IntervalSchedule):
        return Plan(interval_seconds=schedule.interval.total_seconds(), active=found.active)
    if isinstance(schedule, CronSchedule):
        return Plan(cron=schedule.cron, timezone=schedule.timezone or "UTC", active=found.active)
    if isinstance(schedule, RRuleSchedule):
        return Plan(rrule=schedule.rrule, timezone=schedule.timezone, active=found.active)
    return Plan(active=found.active)
