"""The client's own limit on what the server does for us: a silent server keeps no limit that it was told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

GRACE_SECONDS = 0.2
"""The server's statement_timeout comes first where it works, because it says more."""


class Limit:
    """Seconds for a piece of work that may be done in several rounds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = asyncio.get_running_loop().time() + seconds + GRACE_SECONDS

    @property
    def left(self) -> float:
        """Seconds until the work has to be done."""
        return max(0.0, self._until - asyncio.get_running_loop().time())

    @asynccontextmanager
    async def round(self, stage: str) -> AsyncIterator[None]:
        """Raise TIMEOUT with this stage once the time for the whole work is over.

        A caller with a limit of its own finds the stage as a note of the `CancelledError` behind its `TimeoutError`.
        """
        try:
            async with asyncio.timeout_at(self._until):
                yield
        except asyncio.CancelledError as error:
            error.add_note(stage)
            raise
        except TimeoutError as error:
            message = f"No answer within {self._seconds:.3g} s (stage: {stage})"
            raise CheckError(ErrorCode.TIMEOUT, message, {"stage": stage}) from error
