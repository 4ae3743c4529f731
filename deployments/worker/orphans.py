"""Runs whose worker is gone: ended by a worker that lives, so that none stays under way for ever."""

import time
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType, Worker
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed
from prefect.types._datetime import now

from deployments.worker.execution import SETTLED, Execution
from deployments.worker.owner import Owner
from flows.states import UNDER_WAY

EVERY = 5.0
"""Seconds between two looks; the first is taken at once."""
MISSED = 3
"""Heartbeats that a worker has to miss to count as gone; Prefect's own number."""


class OrphanReaper:
    """Looks for runs of one pool whose worker is gone, and for our own that somebody else has ended."""

    def __init__(self, client: PrefectClient, pool: str, owner: Owner, heartbeat_seconds: float) -> None:
        self._client = client
        self._pool = pool
        self._owner = owner
        self._heartbeat = heartbeat_seconds
        self._due = 0.0
        self._looked = 0.0
        self._heard: dict[str, tuple[datetime | None, float]] = {}

    async def look(self, ours: Mapping[UUID, Execution]) -> None:
        """End what nobody runs any more; stop those of our runs that are not to run any more."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY
        mine = dict(ours)
        under_way = {run.id: run for run in await self._under_way()}
        for run_id, execution in mine.items():
            if run_id not in under_way or under_way[run_id].state_type is StateType.CANCELLING:
                await execution.check()
        strangers = [run for run in under_way.values() if run.id not in mine and run.id not in ours and _settled(run)]
        if not strangers:
            return
        workers = await self._workers()
        for run in strangers:
            owner = Owner.of(await self._client.read_flow_run_states(run.id))
            if owner and self._is_gone(owner, workers.get(owner.name)):
                await self._end(run, owner)

    async def _under_way(self) -> list[FlowRun]:
        return await self._client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(UNDER_WAY)))),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self._pool])),
            limit=200,
        )

    async def _workers(self) -> dict[str, Worker]:
        """Those of the pool, with their last sign of life."""
        if time.monotonic() - self._looked > 3 * EVERY:  # nobody could give one while the server was away
            self._heard.clear()
        self._looked = time.monotonic()
        return {found.name: found for found in await self._client.read_workers_for_work_pool(self._pool)}

    def _is_gone(self, owner: Owner, worker: Worker | None) -> bool:
        """Whether it is an earlier life of ours, or silent for too long by our own clock: machines differ in theirs."""
        if owner.name == self._owner.name:
            return owner != self._owner
        sign = worker.last_heartbeat_time if worker else None
        heard, since = self._heard.get(owner.name, (None, 0.0))
        if owner.name not in self._heard or heard != sign:
            self._heard[owner.name] = (sign, time.monotonic())
            return False
        every = worker.heartbeat_interval_seconds if worker else None
        return time.monotonic() - since > MISSED * (every or self._heartbeat)

    async def _end(self, run: FlowRun, owner: Owner) -> None:
        """As it was asked for, where it was to be cancelled; as crashed otherwise."""
        state: State = Crashed(message=f"The worker {owner.name} was lost while it had this run")
        if run.state and run.state.type is StateType.CANCELLING:
            state = Cancelled(message=f"Cancelled; the worker {owner.name} was lost meanwhile")
        try:
            current = await self._client.read_flow_run(run.id)
            if current.state and run.state and current.state.id == run.state.id:
                await self._client.set_flow_run_state(run.id, state, force=True)
        except ObjectNotFound:
            return


def _settled(run: FlowRun) -> bool:
    since: datetime | None = run.state.timestamp if run.state else None
    return since is not None and since < now("UTC") - SETTLED
