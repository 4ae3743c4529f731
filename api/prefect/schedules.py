"""The schedules of timetables: those of one Prefect deployment, found again by their slugs. Prefect has the truth."""

import asyncio
import logging
import time
from datetime import datetime
from typing import Self
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.exceptions import ObjectNotFound, PrefectException

from api.prefect._private import plan_runs
from api.prefect.lost_sweeps import LostRun, read_lost
from api.prefect.planned import name_runs
from api.prefect.timetables import in_prefect_words, plan_of
from datasources.health.plan import Plan, slug_of, timetable_of

logger = logging.getLogger("sourcecheck.schedules")

AHEAD_SECONDS = 120.0
"""How far ahead runs are asked for after a change; Prefect's own scheduler looks every minute."""
IDLE_FACTOR = 4.0
"""Rest between two such requests, in times of the last one's length: with many schedules each takes a while."""
CONFLICT = 409


class Schedules:
    """Reads, makes and removes them, has Prefect plan the next runs at once, and asks for runs of sweeps."""

    def __init__(self, client: PrefectClient, deployment_name: str) -> None:
        self._client = client
        self._name = deployment_name
        self._id: UUID | None = None
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
        """Every timetable's plan, by the timetable's id."""
        return {timetable_id: plan_of(schedule) for timetable_id, schedule in (await self._schedules()).items()}

    async def make(self, timetable_id: int, plan: Plan) -> None:
        """Make a timetable's schedule; one that is there already stays as it is."""
        made = DeploymentScheduleCreate(
            schedule=in_prefect_words(timetable_id, plan),
            active=plan.active,
            parameters={"timetable_id": timetable_id},
            slug=slug_of(timetable_id),
        )
        try:
            await self._client.create_deployment_schedules(await self._deployment(), [made])
        except httpx.HTTPStatusError as error:  # another process has made it meanwhile
            if error.response.status_code != CONFLICT:
                raise
        self._change.set()

    async def remove(self, timetable_id: int) -> None:
        """Remove a timetable's schedule, if there is one."""
        schedule = (await self._schedules()).get(timetable_id)
        if schedule is None:
            return
        try:
            await self._client.delete_deployment_schedule(await self._deployment(), schedule.id)
        except ObjectNotFound:
            return
        self._change.set()

    async def start_run(self, sweep_id: int, number: int) -> None:
        """Ask for one more run of a sweep, its run of this number; asking again gives the same run."""
        await self._client.create_flow_run_from_deployment(
            await self._deployment(),
            parameters={"sweep_id": sweep_id, "number": number},
            idempotency_key=f"sweep-{sweep_id}-again-{number}",
        )

    async def lost_runs(self, now: datetime) -> list[LostRun]:
        """The newest runs that were to begin a sweep and were lost. Raises what Prefect's client raises."""
        return await read_lost(self._client, await self._deployment(), now)

    async def name_planned(self) -> None:
        """Give the next runs that Prefect has planned their timetables' names."""
        await name_runs(self._client, await self._deployment(), await self.read())

    async def _schedules(self) -> dict[int, DeploymentSchedule]:
        try:
            found = await self._client.read_deployment_schedules(await self._deployment())
        except ObjectNotFound:  # deployed anew, under another id
            self._id = None
            found = await self._client.read_deployment_schedules(await self._deployment())
        return {timetable_id: each for each in found if (timetable_id := timetable_of(each.slug)) is not None}

    async def _deployment(self) -> UUID:
        if self._id is None:
            self._id = (await self._client.read_deployment_by_name(self._name)).id
        return self._id

    async def _refill(self) -> None:
        """A change makes Prefect forget the planned runs of the deployment, and plan new ones within a minute.

        That is too long for a short interval, so we ask for it; many changes at once are one request.
        """
        while True:
            await self._change.wait()
            self._change.clear()
            began = time.monotonic()
            try:
                await plan_runs(self._client, await self._deployment(), AHEAD_SECONDS, runs=1)
            except (httpx.HTTPError, OSError, PrefectException) as error:
                logger.warning("the next runs could not be planned at once: %s", type(error).__name__)
            await asyncio.sleep(IDLE_FACTOR * (time.monotonic() - began))
