"""Runs whose worker is gone: ended by a worker that lives, so that none stays under way for ever."""

import re
import time
from collections.abc import Container
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed
from prefect.types._datetime import now

UNDER_WAY = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
EVERY = 5.0
"""Seconds between two looks; the first is taken at once."""
SETTLED = timedelta(seconds=5)
"""A run that changed its state more recently is not looked at."""
MISSED = 3
"""Heartbeats that a worker has to miss to count as gone; Prefect's own number."""
_TAKEN = re.compile(r"Taken by (?P<name>.*) \((?P<life>[0-9a-f]{8})\)")


class Owner(Struct, frozen=True):
    """A worker in one of its lives: it keeps its name when it is started again."""

    name: str
    life: str

    def __str__(self) -> str:
        return f"Taken by {self.name} ({self.life})"

    @classmethod
    def of(cls, states: list[State]) -> "Owner | None":
        """Who took up the run with this history last; None when it was another kind of worker."""
        for state in sorted(states, key=lambda state: state.timestamp, reverse=True):
            found = _TAKEN.fullmatch(state.message or "") if state.type is StateType.PENDING else None
            if found:
                return cls(found["name"], found["life"])
        return None


class Orphanage:
    """Looks for runs of one pool whose worker is gone."""

    def __init__(self, client: PrefectClient, pool: str, owner: Owner, heartbeat_seconds: float) -> None:
        self._client = client
        self._pool = pool
        self._owner = owner
        self._silence = timedelta(seconds=heartbeat_seconds * MISSED)
        self._due = 0.0

    async def look(self, ours: Container[UUID]) -> None:
        """End what nobody runs any more; `ours` are the runs that we have."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY
        strangers = [run for run in await self._under_way() if run.id not in ours and _settled(run)]
        if not strangers:
            return
        alive = await self._alive()
        for run in strangers:
            owner = Owner.of(await self._client.read_flow_run_states(run.id))
            if owner and (owner.name not in alive or (owner.name == self._owner.name and owner != self._owner)):
                await self._end(run, owner)

    async def _under_way(self) -> list[FlowRun]:
        return await self._client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNDER_WAY))),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self._pool])),
            limit=200,
        )

    async def _alive(self) -> set[str]:
        """Names of the workers that gave a sign of life lately."""
        limit = now("UTC") - self._silence
        workers = await self._client.read_workers_for_work_pool(self._pool)
        return {worker.name for worker in workers if worker.last_heartbeat_time and worker.last_heartbeat_time > limit}

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
