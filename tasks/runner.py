"""How a step becomes a Prefect task: its verdict is the task run's state."""

from functools import cache
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from datasources.model.errors import SourcecheckError
from datasources.model.results import Published
from datasources.model.vocabulary import Outcome
from tasks._prefect import run_at_once
from tasks.context import StepContext
from tasks.judge import judge, publish
from tasks.sanitize import clean


async def perform(name: str, check: StepContext) -> Published:
    """Run one step as a Prefect task and return what it found.

    Raises `CheckError` for a failure that a person is asked about before it counts; nothing is published then.
    Raises `SourcecheckError` when it ended without a verdict.
    """
    await run_at_once(_task_of(name), {"name": name, "check": check})
    if (published := check.recorder.published.get(name)) is not None:
        return published
    raise check.recorder.pending.get(name) or SourcecheckError(f"{name} ended without a verdict")


@cache
def _task_of(name: str) -> Task[[str, StepContext], Any]:
    """The step under its own name; made once, because Prefect reads the source of a task that it makes."""
    return _step.with_options(name=name, task_run_name=name)


@task(cache_policy=NO_CACHE, persist_result=False)
async def _step(name: str, check: StepContext) -> State[Any]:
    result, carried_out = await judge(name, check, get_run_logger().error)
    if name in check.recorder.pending:
        return Completed(name="Asks", message=clean(result, check.scrubber).message)
    published = publish(name, check, result, carried_out=carried_out)
    message = published.result.message
    if published.result.outcome is not Outcome.failed:
        return Completed(message=message)
    return Failed(name="CheckFailed" if carried_out else "Failed", message=message)
