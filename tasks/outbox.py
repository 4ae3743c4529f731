"""Writes results into Prefect's run metadata, as artifacts of a type of their own."""

import asyncio
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

import httpx
import msgspec
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.utilities import get_or_create_client
from prefect.context import FlowRunContext

from datasources.model.errors import SourcecheckError
from datasources.model.results import Published
from tasks._prefect import write_artifact

RESULT_TYPE = "result"
"""The artifact type of results; its data is a list of `Published`. The Prefect UI does not list it: users read the
report."""

LINGER_SECONDS = 1.0
"""How long a result waits, so that others can share its request. The first does not wait: if a later step kills the
process, the next attempt knows that the first step did not."""
WRITE_AGAIN_SECONDS = 0.5
PARTING_SECONDS = 0.3
"""How long a test that is cancelled or stopped waits for Prefect to take its results: its worker soon kills it."""


class Outbox:
    """Writes what steps publish by plain requests, which reach the server before the events of task runs.

    A request costs Prefect's server more than most steps cost us, so results that follow each other closely share one;
    only the end of the test waits for them. Once the context is left, everything has been written, unless the test was
    cancelled: then results that Prefect does not take at once are lost.
    """

    def __init__(self, expected: int = 0) -> None:
        """`expected`: how many results will come; the outbox writes the last one without waiting."""
        self._missing = expected
        self._waiting: list[Published] = []
        self._all_here = asyncio.Event()
        self._linger = 0.0
        self._writer: asyncio.Task[None] | None = None

    def put(self, published: Published, until: float) -> None:
        """Queue it; if the server does not answer, the outbox tries again until `until` (Unix seconds)."""
        self._waiting.append(published)
        self._missing -= 1
        if self._missing <= 0:
            self._all_here.set()
        if self._writer is None:
            self._writer = asyncio.create_task(self._write(until))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises `SourcecheckError` if something could not be written, unless another error is being raised."""
        self._all_here.set()
        if self._writer is None:
            return
        try:
            async with asyncio.timeout(PARTING_SECONDS if _is_cancelled() else None):
                await self._writer
        except (SourcecheckError, TimeoutError):
            if error is None:
                raise

    async def _write(self, until: float) -> None:
        while self._waiting:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_here.wait(), self._linger)
            self._linger = LINGER_SECONDS
            together, self._waiting = self._waiting, []
            await _send(together, until)
        self._writer = None


def _is_cancelled() -> bool:
    """Whether the current task was asked to stop, whatever its steps made of that."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _send(together: list[Published], until: float) -> None:
    context = FlowRunContext.get()
    artifact = ArtifactCreate(
        type=RESULT_TYPE,
        description="; ".join(f"{published.task}: {published.result.message}" for published in together),
        data=msgspec.to_builtins(together),
        flow_run_id=context.flow_run.id if context and context.flow_run else None,
    )
    client, _ = get_or_create_client()
    while True:
        try:
            await write_artifact(client, artifact)
        except (httpx.HTTPError, OSError) as error:
            ours = isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500
            if ours or time.time() > until:
                names = ", ".join(published.task for published in together)
                raise SourcecheckError(f"the results of {names} could not be stored in Prefect") from error
            await asyncio.sleep(WRITE_AGAIN_SECONDS)
        else:
            return
