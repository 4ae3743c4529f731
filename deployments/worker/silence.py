"""Which other workers have fallen silent, by this machine's own clock: clocks of machines differ."""

from datetime import datetime

from prefect.client.schemas.objects import Worker

MISSED_HEARTBEATS = 3
"""Heartbeats that a worker has to miss to count as lost; Prefect's own number."""


class Silence:
    """Remembers when each worker's sign of life was seen to change. Times are seconds of a monotonic clock."""

    def __init__(self, heartbeat_seconds: float) -> None:
        self._heartbeat_seconds = heartbeat_seconds
        self._heard: dict[str, tuple[datetime | None, float]] = {}

    def forget(self) -> None:
        """Nothing was listening for a while, or no worker could give a sign: each gets its whole time again."""
        self._heard.clear()

    def is_lost(self, name: str, worker: Worker | None, now: float) -> bool:
        """Whether the worker of this name has been silent for too long; None if Prefect no longer knows it."""
        sign = worker.last_heartbeat_time if worker else None
        heard, since = self._heard.get(name, (None, 0.0))
        if name not in self._heard or heard != sign:
            self._heard[name] = (sign, now)
            return False
        every = worker.heartbeat_interval_seconds if worker else None
        return now - since > MISSED_HEARTBEATS * (every or self._heartbeat_seconds)
