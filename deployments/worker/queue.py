"""Which runs a worker takes up: those it is told of by events, and those it finds when it asks."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound

from deployments.worker._prefect import look_ahead_seconds
from deployments.worker.decide import may_be_taken_up, seconds_until_due
from deployments.worker.pool_limits import PoolLimits
from flows.states import UNDER_WAY

CLOCK_SECONDS = 0.01
"""An alarm rings this much after a run is due: two clocks are never quite the same."""
COMMIT_SECONDS = (0.05, 0.2, 1.0)
"""After which a run is read again that is not there yet, or not in the state that Prefect has told of: it tells before
it commits."""
MOST_TOLD = 2000
"""Runs that are remembered until there is room; more of them are found by asking."""


class RunQueue:
    """A run we are told of is read by its id, which costs Prefect less than looking through the work pool.

    Only Prefect can say whose turn it is when the pool or one of its queues is limited or paused; then it is asked.
    """

    def __init__(self, client: PrefectClient, pool_name: str, queue_names: Collection[str]) -> None:
        self.limits = PoolLimits(client, pool_name)
        self.wake = asyncio.Event()
        """Set when there may be something to take up."""
        self._client = client
        self._pool_name = pool_name
        self._queue_names = queue_names
        self._told: dict[UUID, int] = {}
        """How often each of them was read in vain."""
        self._alarms = Alarms(self.tell)
        self._asking = True

    @property
    def more(self) -> bool:
        """Whether there is, or may be, something to take up."""
        return self._asking or bool(self._told)

    def tell(self, run_id: UUID, in_vain: int = 0) -> None:
        """This run is to be run; `in_vain` is how often it was read and could not be yet."""
        if self.limits.absent and len(self._told) < MOST_TOLD:
            self._told[run_id] = in_vain
            self.wake.set()
        else:
            self.ask()

    def ask(self) -> None:
        """Look through the work pool: something may have been missed."""
        self._asking = True
        self.wake.set()

    def freed(self) -> None:
        """A run has ended: there is room for another one, and perhaps below a limit, too."""
        self._asking = self._asking or not self.limits.absent
        if self.more:
            self.wake.set()

    def changed(self) -> None:
        """The pool or one of its queues was changed: until they have been read again, Prefect is asked."""
        self.limits.changed()
        self._asking = True
        self._told.clear()

    async def next(self, room: int) -> list[FlowRun]:
        """What to take up now, `room` runs at most. Raises what Prefect's client raises; then it is asked again."""
        try:
            if not self._asking:
                return await self._read(room)
            self._asking = False
            return self._choose(await self._scheduled(), room)
        except Exception:
            self._asking = True
            raise

    async def _read(self, room: int) -> list[FlowRun]:
        """The runs we were told of first, as they are now."""
        ids = list(self._told)[:room]
        told = {run_id: self._told.pop(run_id) for run_id in ids}
        found = [run for run in await asyncio.gather(*(self._known(run_id) for run_id in ids)) if run]
        scheduled = [run for run in found if run.state_type is StateType.SCHEDULED]
        self._alarms.set(scheduled)
        ready = {run.id for run in found if run.state_type in (StateType.SCHEDULED, *UNDER_WAY)}
        for run_id in told.keys() - ready:
            self._read_again(run_id, told[run_id])
        now = datetime.now(UTC)
        return [run for run in scheduled if may_be_taken_up(run, self._queue_names, now)]

    def _read_again(self, run_id: UUID, in_vain: int) -> None:
        if in_vain < len(COMMIT_SECONDS):
            asyncio.get_running_loop().call_later(COMMIT_SECONDS[in_vain], self.tell, run_id, in_vain + 1)

    async def _known(self, run_id: UUID) -> FlowRun | None:
        try:
            return await self._client.read_flow_run(run_id)
        except ObjectNotFound:
            return None

    async def _scheduled(self) -> list[FlowRun]:
        """What is due, and what will be until we ask again."""
        until = datetime.now(UTC) + timedelta(seconds=look_ahead_seconds())
        found = await self._client.get_scheduled_flow_runs_for_work_pool(
            self._pool_name, sorted(self._queue_names), scheduled_before=until
        )
        return [each.flow_run for each in found]

    def _choose(self, found: Sequence[FlowRun], room: int) -> list[FlowRun]:
        now = datetime.now(UTC)
        due = [run for run in found if not seconds_until_due(run, now)]
        for run in due:
            self._told.pop(run.id, None)
        if self.limits.absent:  # otherwise whose turn it is has to be asked anew
            for run in due[room:]:
                self.tell(run.id)
        self._alarms.set(found)
        return due[:room]


class Alarms:
    """So that what is scheduled until the next poll starts on time."""

    def __init__(self, ring: Callable[[UUID], None]) -> None:
        self._ring = ring
        self._waiting: set[UUID] = set()

    def set(self, runs: Sequence[FlowRun]) -> None:
        """Ring for each of these that is not due yet, when it is."""
        loop, now = asyncio.get_running_loop(), datetime.now(UTC)
        for run in runs:
            if (seconds := seconds_until_due(run, now)) and run.id not in self._waiting:
                self._waiting.add(run.id)
                loop.call_later(seconds + CLOCK_SECONDS, self._go_off, run.id)

    def _go_off(self, run_id: UUID) -> None:
        self._waiting.discard(run_id)
        self._ring(run_id)
