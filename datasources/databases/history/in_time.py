"""As many statements as can be read in a time: a server chooses how many there are, and how long each takes."""

import time
from collections.abc import Iterator, Sequence

from datasources.databases.history.edges import Written


class InTime:
    """Statements, one after the other, until the time is over."""

    def __init__(self, statements: Sequence[Written], seconds: float) -> None:
        self._statements = statements
        self._until = time.monotonic() + seconds
        self.left = 0
        """How many were not reached: they are unread."""

    def __iter__(self) -> Iterator[Written]:
        for number, statement in enumerate(self._statements):
            if time.monotonic() > self._until:
                self.left = len(self._statements) - number
                return
            yield statement
