"""The room for undocumented parts of Prefect's task engine and its client: nothing else in this folder touches one.

`tests/deployments/test_prefect_seams.py` says in words what breaks when a version of Prefect changes one.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

from prefect import Task
from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext
from prefect.task_engine import run_task_async
from prefect.types import DateTime
from prefect.utilities.engine import emit_task_run_state_change_event

AnyClient = TypeVar("AnyClient", PrefectClient, SyncPrefectClient)


def fetch_tokens_singly(client: AnyClient) -> AnyClient:
    """Have a client fetch one CSRF token when several requests need one at once; answers the client.

    A client asks for tokens under a name that it makes up, and each token ends the one before: requests that all fetch
    their own are refused in turn, and repeated seconds later. Clients that are forked have one name until they get
    another here. Prefect's client has no option for either.
    """
    inner: Any = client._client
    inner.csrf_client_id, inner.csrf_token = uuid4(), None
    if isinstance(client, PrefectClient) and "_add_csrf_headers" not in vars(inner):
        fetch, one_by_one = inner._add_csrf_headers, asyncio.Lock()

        async def add_headers(request: Any) -> None:
            async with one_by_one:
                await fetch(request)

        inner._add_csrf_headers = add_headers
    return client


async def run_at_once(task: Task[..., Any], parameters: dict[str, Any]) -> None:
    """Run a task of the flow that is under way, as a call does, but that its run is not announced as pending first.

    That announcement is a fifth of the events of a test. A run that is made beforehand is announced when it begins,
    which here is at once; Prefect has no option for that.
    """
    run = await task.create_local_run(parameters=parameters, flow_run_context=FlowRunContext.get())
    await run_task_async(task, task_run=run, parameters=parameters, return_type="state")


def report_run(name: str, key: str, number: str, began: datetime, state: State[Any], tags: Sequence[str]) -> None:
    """Tell Prefect of a task run of the flow that is under way, which has begun and ended: one event instead of three.

    A sweep checks thousands of sources, and a task that Prefect's engine runs costs more than a check itself: its
    server takes 11 ms of CPU and its client 14 ms. The state's event is what Prefect's own engine tells, and its server
    makes the task run of it. `key` and `number` tell the task, and its runs in one flow run, apart.
    """
    context = FlowRunContext.get()
    run = TaskRun(
        name=name,
        flow_run_id=context.flow_run.id if context and context.flow_run else None,
        task_key=key,
        dynamic_key=number,
        run_count=1,
        tags=list(tags),
        expected_start_time=DateTime.fromisoformat(began.isoformat()),
        start_time=DateTime.fromisoformat(began.isoformat()),
        end_time=DateTime.fromisoformat(state.timestamp.isoformat()),
        total_run_time=state.timestamp - began,
    )
    emit_task_run_state_change_event(run, None, state)
