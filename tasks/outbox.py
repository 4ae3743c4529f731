"""How results get into Prefect's run metadata: as artifacts of a type of their own."""

import asyncio
import time

import httpx
import msgspec
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.utilities import get_or_create_client
from prefect.context import FlowRunContext

from datasources.model import Published

RESULT_TYPE = "result"
"""The artifact type of results: the Prefect UI leaves it out of its lists, people get a report. Its data is a list of
`Published`."""

WRITE_AGAIN_SECONDS = 0.5


class Outbox:
    """Writes what steps publish, by plain requests: task runs get there later, by events.

    Steps run side by side. What is published while something is being written goes along with the next request: each
    costs Prefect's server as much as a step costs us.
    """

    def __init__(self) -> None:
        self._waiting: list[Published] = []
        self._turn = asyncio.Lock()

    async def write(self, published: Published, until: float) -> None:
        """Return when it has been written; a server that does not answer is asked again until then (Unix seconds).

        Raises what Prefect's client raises.
        """
        self._waiting.append(published)
        async with self._turn:
            if published not in self._waiting:
                return  # it went along with another
            together = list(self._waiting)
            await self._send(together, until)
            del self._waiting[: len(together)]

    async def _send(self, together: list[Published], until: float) -> None:
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
                await client.create_artifact(artifact)
            except (httpx.HTTPError, OSError) as error:
                ours = isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500
                if ours or time.time() > until:
                    raise
                await asyncio.sleep(WRITE_AGAIN_SECONDS)
            else:
                return
