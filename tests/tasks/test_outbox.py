"""How long a test waits for Prefect to take its results."""

import asyncio
import time

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from datasources.model.errors import SourcecheckError
from datasources.model.results import Published, StepResult
from datasources.model.vocabulary import Code, Outcome
from tasks.outbox import Outbox

FOUND = Published(job_id=1, task="connection", result=StepResult(code=Code.OK, message="Fine", outcome=Outcome.success))


@pytest.mark.parametrize("wrapped", [False, True], ids=["cancelled", "a step makes an error of it"])
async def test_a_test_that_is_cancelled_ends_although_prefect_does_not_answer(silent_port: int, wrapped: bool) -> None:
    """Its deadline is ten minutes away."""
    published = asyncio.Event()

    async def test() -> None:
        async with Outbox(expected=2) as outbox:
            outbox.put(FOUND, until=time.time() + 600)
            published.set()
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError as error:
                if wrapped:
                    raise SourcecheckError("a driver did not like it") from error
                raise

    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{silent_port}/api"}):
        task = asyncio.create_task(test())
        await published.wait()
        task.cancel()
        ended, _ = await asyncio.wait([task], timeout=30)
        task.cancel()
    assert ended
    assert task.cancelled() is not wrapped
