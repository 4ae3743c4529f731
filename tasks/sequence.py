"""In which order the steps of a test run."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from datasources.model.results import Published
from datasources.model.steps import CONNECTION, first_steps
from datasources.model.vocabulary import Outcome
from tasks.context import StepContext
from tasks.judge import skip

Perform = Callable[[str, StepContext], Awaitable[Published]]
"""Carries out one step: `tasks.runner.perform` as a Prefect task, `tasks.direct.perform` at once."""


async def run_steps(check: StepContext, steps: Sequence[str], perform: Perform) -> None:
    """Run the connection, and beside it what needs none; then the others side by side, or skip them without one.

    Raises what `perform` raises.
    """
    first = first_steps({CONNECTION: None, **dict.fromkeys(steps)})
    others = [step for step in steps if step not in first]
    connection = (await _side_by_side(check, first, perform))[CONNECTION]
    if connection.result.outcome is Outcome.failed:
        reason = f"Not run, because the connection failed: {connection.result.message}"
        for step in others:
            skip(step, check, reason)
    else:
        await _side_by_side(check, others, perform)


async def _side_by_side(check: StepContext, steps: Sequence[str], perform: Perform) -> dict[str, Published]:
    """What each of these steps found; when one of them raises, the others are cancelled."""
    try:
        async with asyncio.TaskGroup() as group:
            running = {step: group.create_task(_performed(perform, step, check)) for step in steps}
    except BaseExceptionGroup as raised:
        raise raised.exceptions[0] from None
    return {step: task.result() for step, task in running.items()}


async def _performed(perform: Perform, step: str, check: StepContext) -> Published:
    """What an attempt has found that was lost later is not looked for again."""
    return check.recorder.published.get(step) or await perform(step, check)
