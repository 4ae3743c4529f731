"""Takes up runs as far as there is room, each state of a run once."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from uuid import UUID

from prefect.client.schemas.objects import FlowRun

from deployments.worker.execution import Execution
from deployments.worker.queue import RunQueue

MOST_SEEN = 2000
"""Runs that are remembered as taken up already."""


class Intake:
    """Asks the queue for runs, and has those begin that this worker has not taken up before."""

    def __init__(
        self,
        queue: RunQueue,
        limit: int,
        executions: Mapping[UUID, Execution],
        begin: Callable[[FlowRun], None],
    ) -> None:
        self.queue = queue
        self._limit = limit
        self._executions = executions
        self._begin = begin
        self._seen = SeenStates()
        self._taking = asyncio.Lock()

    async def run(self, logger: "logging.Logger | logging.LoggerAdapter[logging.Logger]") -> None:
        """Take up runs whenever the queue has some; never returns."""
        while True:
            await self.queue.wake.wait()
            self.queue.wake.clear()
            try:
                await self.take()
            except Exception as error:  # the next poll asks again, and says so if the server is gone for long
                logger.warning("Could not ask for scheduled runs: %r", error)

    async def take(self) -> list[FlowRun]:
        """Take up what is due, as far as there is room. Raises what Prefect's client raises."""
        async with self._taking:
            if not self.queue.limits.absent:  # Prefect neither hands out nor counts a run that is being claimed
                await asyncio.gather(*(execution.claimed.wait() for execution in self._executions.values()))
            room = self._limit - len(self._executions)
            if room <= 0:
                return []
            begun = [run for run in await self.queue.next(room) if self._is_new(run)]
            for run in begun:
                self._begin(run)
            if len(begun) < room and self.queue.more:  # some were no longer to be run
                self.queue.wake.set()
            return begun

    def try_again(self, run: FlowRun) -> None:
        """It could not be claimed: should it still be scheduled, it is taken up the next time."""
        if run.state_id:
            self._seen.forget(run.state_id)

    def _is_new(self, run: FlowRun) -> bool:
        """An old answer of Prefect's names runs that were taken up since; one scheduled again has a new state."""
        return run.id not in self._executions and run.state_id is not None and self._seen.add(run.state_id)


class SeenStates:
    """States of runs that were taken up."""

    def __init__(self) -> None:
        self._seen: dict[UUID, float] = {}

    def add(self, state_id: UUID) -> bool:
        """Remember it. Answers whether it is new."""
        if state_id in self._seen:
            return False
        if len(self._seen) > MOST_SEEN:  # old answers are seconds old; what is older need not be remembered
            for oldest in sorted(self._seen, key=self._seen.__getitem__)[: MOST_SEEN // 2]:
                del self._seen[oldest]
        self._seen[state_id] = time.monotonic()
        return True

    def forget(self, state_id: UUID) -> None:
        """As if it had never been seen."""
        self._seen.pop(state_id, None)
