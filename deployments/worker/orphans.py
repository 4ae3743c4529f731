"""Runs that no worker has any longer: a live worker ends them, so that none stays under way for ever."""

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType, Worker
from prefect.exceptions import ObjectNotFound

from deployments.worker.decide import end_of_orphan, may_be_orphaned
from deployments.worker.execution import Execution
from deployments.worker.owner import Owner
from deployments.worker.silence import Silence
from flows.states import UNDER_WAY

LOOK_SECONDS = 5.0
"""Between two looks; the first is taken at once. They have a clock of their own: while Prefect's server is away,
Prefect's worker asks for runs less and less often, up to a minute apart."""


class OrphanReaper:
    """Looks for runs of one pool that no worker has, and for our own that were ended in Prefect."""

    def __init__(self, client: PrefectClient, pool: str, owner: Owner, heartbeat_seconds: float) -> None:
        self._client = client
        self._pool = pool
        self._owner = owner
        self._silence = Silence(heartbeat_seconds)
        self._looked = 0.0

    async def run(
        self, ours: Mapping[UUID, Execution], logger: "logging.Logger | logging.LoggerAdapter[logging.Logger]"
    ) -> None:
        """Look again and again; never returns."""
        while True:
            try:
                await self.look(ours)
            except Exception as error:  # the next look is soon
                logger.warning("Could not look for runs that were lost: %r", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self, ours: Mapping[UUID, Execution]) -> None:
        """End runs that no worker has; stop those of our runs that must no longer run."""
        mine = dict(ours)
        under_way = {run.id: run for run in await self._under_way()}
        for run_id, execution in mine.items():
            if run_id not in under_way or under_way[run_id].state_type is StateType.CANCELLING:
                await execution.check()
        now = datetime.now(UTC)
        others = (run for run in under_way.values() if run.id not in mine and run.id not in ours)
        strangers = [run for run in others if may_be_orphaned(run, now)]
        if not strangers:
            return
        workers = await self._workers()
        for run in strangers:
            owner = Owner.of(await self._client.read_flow_run_states(run.id))
            if owner and self._has_lost_it(owner, workers.get(owner.name)):
                await self._end(run, owner)

    async def _under_way(self) -> list[FlowRun]:
        return await self._client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(UNDER_WAY)))),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self._pool])),
            limit=200,
        )

    async def _workers(self) -> dict[str, Worker]:
        """Those of the pool, with their last sign of life."""
        if time.monotonic() - self._looked > 3 * LOOK_SECONDS:  # no worker could give one while the server was away
            self._silence.forget()
        self._looked = time.monotonic()
        return {found.name: found for found in await self._client.read_workers_for_work_pool(self._pool)}

    def _has_lost_it(self, owner: Owner, worker: Worker | None) -> bool:
        """Whether it is us, or an earlier life of ours, or silent for too long.

        A run of ours that we do not have is one whose claim, or whose end, Prefect's server did not confirm.
        """
        return owner.name == self._owner.name or self._silence.is_lost(owner.name, worker, time.monotonic())

    async def _end(self, run: FlowRun, owner: Owner) -> None:
        """Unless it has changed its state meanwhile."""
        try:
            current = await self._client.read_flow_run(run.id)
            if current.state and run.state and current.state.id == run.state.id:
                await self._client.set_flow_run_state(run.id, end_of_orphan(run, owner), force=True)
        except ObjectNotFound:
            return
