"""Which runs a worker takes up: those it is told of by events, and those it finds when it asks."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.types._datetime import now

LATER = 0.01
"""Seconds after which a run is due that an alarm is set to: two clocks are never quite the same."""
MOST_TOLD = 2000
"""Runs that are remembered until there is room; more of them are found by asking."""
SETTLED = 1.0
"""Seconds from Prefect's word that something was changed, which it gives before it commits, until it can be read."""
IN_PROCESS = "in_process"
"""How a run is retried that its process, not a worker, starts again."""


class RunQueue:
    """A run we are told of is read by its id, which costs Prefect less than looking through the work pool.

    Only Prefect can say whose turn it is when the pool or one of its queues is limited or paused; then it is asked.
    """

    def __init__(self, client: PrefectClient, pool_name: str, queues: Callable[[], set[str]], wake: Callable[[], None]):
        self._client = client
        self._pool_name = pool_name
        self._queues = queues
        self._wake = wake
        self._told: dict[UUID, None] = {}
        self._alarms: set[UUID] = set()
        self._asking = True
        self._unlimited = False
        self._changed = -SETTLED

    @property
    def unlimited(self) -> bool:
        """Whether every run that is due may be taken up: there is no limit, and nothing is paused."""
        return self._unlimited

    @property
    def more(self) -> bool:
        """Whether there is, or may be, something to take up."""
        return self._asking or bool(self._told)

    def tell(self, run_id: UUID) -> None:
        """This run is to be run."""
        if self._unlimited and len(self._told) < MOST_TOLD:
            self._told[run_id] = None
            self._wake()
        else:
            self.ask()

    def ask(self) -> None:
        """Look through the work pool: something may have been missed."""
        self._asking = True
        self._wake()

    def freed(self) -> None:
        """A run has ended: there is room for another one, and perhaps below a limit, too."""
        self._asking = self._asking or not self._unlimited
        if self.more:
            self._wake()

    def changed(self) -> None:
        """The pool or one of its queues was changed: until they have been read again, Prefect is asked."""
        self._changed = time.monotonic()
        self._unlimited = False
        self._asking = True
        self._told.clear()

    async def look(self) -> None:
        """Read whether anything limits or pauses the pool."""
        began = time.monotonic()
        pool, queues = await asyncio.gather(
            self._client.read_work_pool(self._pool_name),
            self._client.read_work_queues(work_pool_name=self._pool_name),
        )
        paused = pool.is_paused or any(queue.is_paused for queue in queues)
        limits = [pool.concurrency_limit, *(queue.concurrency_limit for queue in queues)]
        if began > self._changed + SETTLED:
            self._unlimited = not paused and not any(limit is not None for limit in limits)

    async def next(self, room: int) -> list[FlowRun]:
        """What to take up now, `room` runs at the most."""
        if not self._asking:
            return await self._read(room)
        self._asking = False
        try:
            found = await self._scheduled()
        except Exception:
            self._asking = True
            raise
        due = [run for run in found if not _seconds_until(run)]
        for run in due:
            self._told.pop(run.id, None)
        if self._unlimited:  # otherwise whose turn it is has to be asked anew
            for run in due[room:]:
                self.tell(run.id)
        self._set_alarms(found)
        return due[:room]

    async def _read(self, room: int) -> list[FlowRun]:
        """The runs we were told of first, as they are now."""
        ids = list(self._told)[:room]
        for run_id in ids:
            del self._told[run_id]
        try:
            found = await asyncio.gather(*(self._known(run_id) for run_id in ids))
        except Exception:
            self._asking = True
            raise
        self._set_alarms([run for run in found if run and run.state_type is StateType.SCHEDULED])
        return [run for run in found if run and self._is_due(run)]

    async def _known(self, run_id: UUID) -> FlowRun | None:
        try:
            return await self._client.read_flow_run(run_id)
        except ObjectNotFound:
            return None

    def _is_due(self, run: FlowRun) -> bool:
        """As the server decides it when it is asked, but for the limits; what is not due yet is found by asking."""
        queues = self._queues()
        return (
            run.state_type is StateType.SCHEDULED
            and not _seconds_until(run)
            and (not queues or run.work_queue_name in queues)
            and run.empirical_policy.retry_type != IN_PROCESS
        )

    async def _scheduled(self) -> list[FlowRun]:
        """What is due, and what will be until we ask again."""
        seconds = get_current_settings().worker.query_seconds * 1.5 + 1
        found = await self._client.get_scheduled_flow_runs_for_work_pool(
            self._pool_name, sorted(self._queues()), scheduled_before=now("UTC") + timedelta(seconds=seconds)
        )
        return [each.flow_run for each in found]

    def _set_alarms(self, runs: Sequence[FlowRun]) -> None:
        """So that what is scheduled until the next poll starts on time."""
        loop = asyncio.get_running_loop()
        for run in runs:
            if (seconds := _seconds_until(run)) and run.id not in self._alarms:
                self._alarms.add(run.id)
                loop.call_later(seconds + LATER, self._ring, run.id)

    def _ring(self, run_id: UUID) -> None:
        self._alarms.discard(run_id)
        self.tell(run_id)


def _seconds_until(run: FlowRun) -> float:
    due: datetime | None = run.next_scheduled_start_time
    return max(0.0, due.timestamp() - time.time()) if due else 0.0
