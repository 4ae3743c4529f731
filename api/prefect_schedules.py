"""The schedules of all sources: those of a Prefect deployment, found again by their slug. Prefect has the truth.

Prefect's server reads all schedules of a deployment whenever it reads the deployment, several times for each run: with
a thousand of them a run costs two seconds. So each `SHARE` of sources, by id, has a deployment: the first one is
deployed as `check-source/health`, the others are copies of it, made when they are needed.
"""

import asyncio
import logging
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

import httpx
from msgspec import Struct
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName, FlowFilter, FlowFilterName
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.exceptions import ObjectNotFound, PrefectException
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

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
SHARE = 25
"""Sources whose schedules share a deployment."""
COPIED = (
    "description",
    "tags",
    "entrypoint",
    "path",
    "pull_steps",
    "work_pool_name",
    "work_queue_name",
    "job_variables",
    "parameter_openapi_schema",
    "enforce_parameter_schema",
)
PAGE = 200
LOCK = 0x5C0004
"""PostgreSQL's advisory lock: of several processes one makes a deployment."""


class Known(Struct, frozen=True):
    """A schedule, and the deployment that has it."""

    deployment_id: UUID
    schedule: DeploymentSchedule


class Schedules:
    """Reads and changes them, and has Prefect plan the next runs at once."""

    def __init__(self, client: PrefectClient, deployment_name: str) -> None:
        self._client = client
        self._flow, _, self._name = deployment_name.partition("/")
        self._ids: dict[int, UUID] = {}
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
        for deployment in await self._deployments():
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
            deployment_id = await self._found(source_id) or await self._make(source_id, session)
            try:
                await self._client.create_deployment_schedules(deployment_id, [made])
            except httpx.HTTPStatusError as error:  # somebody else has made it meanwhile
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

    async def refresh(self) -> None:
        """The first deployment was deployed anew: make its copies what it is now; their schedules stay."""
        found = {deployment.name: deployment for deployment in await self._deployments()}
        if first := found.pop(self._name, None):
            for deployment in found.values():
                if copied(deployment) != copied(first):
                    await self._client.update_deployment(deployment.id, DeploymentUpdate(**copied(first)))

    async def _known(self, source_id: int) -> "Known | None":
        """The source's schedule as Prefect has it."""
        deployment_id = await self._found(source_id)
        if deployment_id is None:
            return None
        try:
            found = await self._client.read_deployment_schedules(deployment_id)
        except ObjectNotFound:  # deployed anew, under another id
            self._ids.clear()
            deployment_id = await self._found(source_id)
            found = await self._client.read_deployment_schedules(deployment_id) if deployment_id else []
        schedule = _by_source(found).get(source_id)
        return Known(deployment_id, schedule) if deployment_id and schedule else None

    async def _deployments(self) -> list[DeploymentResponse]:
        """The first one and those beside it, with their schedules."""
        found: list[DeploymentResponse] = []
        while True:
            page = await self._client.read_deployments(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[self._flow])),
                deployment_filter=DeploymentFilter(name=DeploymentFilterName(like_=self._name)),
                limit=PAGE,
                offset=len(found),
            )
            found += page
            if len(page) < PAGE:
                break
        beside = re.compile(rf"{re.escape(self._name)}(-\d+)?")
        return [deployment for deployment in found if beside.fullmatch(deployment.name)]

    async def _found(self, source_id: int) -> UUID | None:
        """The deployment that has this source's schedule, if it is there."""
        number = source_id // SHARE
        if number not in self._ids:
            name = self._name if number == 0 else f"{self._name}-{number}"
            try:
                self._ids[number] = (await self._client.read_deployment_by_name(f"{self._flow}/{name}")).id
            except ObjectNotFound:
                return None
        return self._ids[number]

    async def _make(self, source_id: int, session: AsyncSession) -> UUID:
        """A copy of the first deployment for these sources, once: Prefect empties one of its schedules that is there.

        Raises `ObjectNotFound` when there is no first one.
        """
        await session.execute(select(func.pg_advisory_xact_lock(LOCK)))
        if (made := await self._found(source_id)) is None:
            number = source_id // SHARE
            made = self._ids[number] = await self._copy(f"{self._name}-{number}")
        return made

    async def _copy(self, name: str) -> UUID:
        first = await self._client.read_deployment_by_name(f"{self._flow}/{self._name}")
        return await self._client.create_deployment(flow_id=first.flow_id, name=name, **copied(first))

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
            await asyncio.sleep(REST * (time.monotonic() - began))

    async def _plan_next(self, deployment_id: UUID) -> None:
        try:
            await self._client.request(
                "POST",
                "/deployments/{id}/schedule",
                path_params={"id": deployment_id},
                json={"min_time": AHEAD_SECONDS, "min_runs": 1},
            )
        except (httpx.HTTPError, OSError, PrefectException) as error:
            logger.warning("the next runs could not be planned at once: %s", type(error).__name__)


def copied(first: DeploymentResponse) -> dict[str, Any]:
    """What a copy has of the first deployment."""
    return {name: getattr(first, name) for name in COPIED}


def _by_source(schedules: Iterable[DeploymentSchedule]) -> dict[int, DeploymentSchedule]:
    return {source_id: known for known in schedules if (source_id := source_of(known.slug)) is not None}


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
