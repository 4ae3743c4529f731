"""The check steps: one file each in `tasks/steps`, with the same verb in each, found by the table of steps."""

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import cast

from datasources.model.results import Finding
from datasources.model.steps import STEPS, Step
from tasks.context import StepContext

Run = Callable[[StepContext], Awaitable[Finding]]


def _run_of(step: Step) -> Run:
    return cast(Run, import_module(f"tasks.steps.{step.module or step.name}").run)


TASKS: dict[str, Run] = {step.name: _run_of(step) for step in STEPS}
"""What carries out each step, by the step's name."""
