"""Listens to Prefect's events about runs."""

import asyncio
import logging

from api.jobs.following.agenda import Agenda
from api.prefect.client import PrefectServer

logger = logging.getLogger("sourcecheck.watch")

RECONNECT_SECONDS = 1.0
"""Between two attempts to listen."""


class Feed:
    """Puts what Prefect tells on the agenda; each time it begins to listen, everything may have been missed."""

    def __init__(self, prefect: PrefectServer, agenda: Agenda) -> None:
        self._prefect = prefect
        self._agenda = agenda

    async def run(self) -> None:
        """Listen, and listen again when the connection ends; never returns."""
        while True:
            try:
                await self._listen()
            except Exception as error:
                if self._agenda.listening:
                    logger.warning("no events from Prefect, asking instead: %s", type(error).__name__)
            self._agenda.listening = False
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        async for change in self._prefect.changes():
            if change:
                self._agenda.tell(change)
            else:
                self._agenda.listening = True
                self._agenda.want_every_run()
