"""What happens to the runs of a work pool, told by Prefect within milliseconds, or asked for when it does not tell."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter

from flows.prefect_events import FLOW_RUN, LIMITS_CHANGED, WORK_POOL
from flows.states import RUN_AGAIN

TO_BE_RUN = ("Scheduled", RUN_AGAIN, "Resuming", "AwaitingConcurrencySlot", "Late")
"""States of a run that a worker should look for."""
TO_BE_STOPPED = ("Cancelling", "Suspended")
"""States of a running run that its worker should react to."""
RETRY_SECONDS = 1.0
"""Between attempts to subscribe, and between the polls that take the subscription's place."""


class PoolEvents:
    """Subscribes to the events of one work pool, for as long as it runs."""

    def __init__(
        self,
        pool_id: UUID,
        logger: "logging.Logger | logging.LoggerAdapter[logging.Logger]",
        *,
        on_event: Callable[[str, Event], None],
        ask: Callable[[], Awaitable[object]],
    ) -> None:
        self._filter = EventFilter(
            event=EventNameFilter(name=[*LIMITS_CHANGED, *(FLOW_RUN + name for name in TO_BE_RUN + TO_BE_STOPPED)]),
            any_resource=EventAnyResourceFilter(id=[f"{WORK_POOL}{pool_id}"]),
        )
        self._logger = logger
        self._on_event = on_event
        self._ask = ask
        self._broken = False

    async def run(self) -> None:
        """Never returns. Asks whenever something may have been missed."""
        while True:
            try:
                await self._subscribe()
            except Exception as error:
                self._complain(error)
            await self._catch_up()
            await asyncio.sleep(RETRY_SECONDS)

    async def _subscribe(self) -> None:
        # Without attempts of its own: while it retries, we would not ask.
        async with get_events_subscriber(filter=self._filter, reconnection_attempts=0) as events:
            self._broken = False
            await self._catch_up()
            async for event in events:
                self._on_event(event.event.removeprefix(FLOW_RUN), event)

    async def _catch_up(self) -> None:
        try:
            await self._ask()
        except Exception as error:
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        if not self._broken:
            self._logger.warning("No events from Prefect, asking every %g s instead: %r", RETRY_SECONDS, error)
        self._broken = True
