"""The room for undocumented parts of Prefect's task engine: nothing else in this folder touches one.

`tests/deployments/test_prefect_seams.py` says in words what breaks when a version of Prefect changes one.
"""

from typing import Any

from prefect import Task
from prefect.context import FlowRunContext
from prefect.task_engine import run_task_async


async def run_at_once(task: Task[..., Any], parameters: dict[str, Any]) -> None:
    """Run a task of the flow that is under way, as a call does, but that its run is not announced as pending first.

    That announcement is a fifth of the events of a test. A run that is made beforehand is announced when it begins,
    which here is at once; Prefect has no option for that.
    """
    run = await task.create_local_run(parameters=parameters, flow_run_context=FlowRunContext.get())
    await run_task_async(task, task_run=run, parameters=parameters, return_type="state")
