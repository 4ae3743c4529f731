"""Whether anything limits or pauses the work pool, as far as it is known."""

import asyncio
import time

from prefect.client.orchestration import PrefectClient

from deployments.worker.decide import is_unlimited

COMMIT_SECONDS = 1.0
"""From Prefect's word that something was changed, which it gives before it commits, until it can be read."""


class PoolLimits:
    """Only Prefect can say whose turn it is while there is a limit."""

    def __init__(self, client: PrefectClient, pool_name: str) -> None:
        self.absent = False
        """Whether every run that is due may be taken up."""
        self._client = client
        self._pool_name = pool_name
        self._changed = -COMMIT_SECONDS

    def changed(self) -> None:
        """The pool or one of its queues was changed: there may be a limit until they have been read again."""
        self._changed = time.monotonic()
        self.absent = False

    async def look(self) -> None:
        """Read them. What was read while a change may not have been committed does not count."""
        began = time.monotonic()
        pool, queues = await asyncio.gather(
            self._client.read_work_pool(self._pool_name),
            self._client.read_work_queues(work_pool_name=self._pool_name),
        )
        if began > self._changed + COMMIT_SECONDS:
            self.absent = is_unlimited(pool, queues)
