"""How far opening a connection got, and how long each stage took."""

import time


class Progress:
    """How far a connection got, also when it is cut off.

    Stages of a database: resolve, tcp, tls, login, database. Of a gateway: key, resolve, tcp, handshake, login,
    forward.
    """

    def __init__(self, limit: float, stage: str = "resolve") -> None:
        self.limit = limit
        """Seconds for all stages together."""
        self.stage = stage
        self.stages_ms: dict[str, float] = {}
        self._since = time.monotonic()
        self._until = self._since + limit

    @property
    def left(self) -> float:
        """Seconds until the limit."""
        return max(0.0, self._until - time.monotonic())

    def reached(self, stage: str) -> None:
        """Note that this stage goes on now."""
        if stage != self.stage:
            self.end()
            self.stage = stage

    def end(self) -> None:
        """Count the time since the last note for the present stage."""
        now = time.monotonic()
        spent = (now - self._since) * 1000
        self.stages_ms[self.stage] = round(self.stages_ms.get(self.stage, 0) + spent, 2)
        self._since = now
