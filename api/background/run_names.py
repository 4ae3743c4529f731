"""Gives runs that a schedule has planned a name that says what they check, before they begin.

Prefect's scheduler plans them under made-up names, and has no template for them.
"""

from api.background.periodic import PeriodicTask
from api.prefect.client import PrefectServer


class RunNames(PeriodicTask):
    """One loop a process; several of them do no harm."""

    name = "run_names"
    failure = "planned runs could not be named"
    every_seconds = 20.0
    first_seconds = 10.0

    def __init__(self, prefect: PrefectServer) -> None:
        self._prefect = prefect

    async def once(self) -> None:
        """Name the next runs that have no name of ours."""
        await self._prefect.schedules.name_planned()
