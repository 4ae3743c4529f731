"""All undocumented parts of Prefect's task engine and client that we use: no other module of this folder touches one.

If a new version of Prefect changes one, `tests/deployments/test_prefect_seams.py` says what breaks.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

from prefect import Task
from prefect._flow_run_suspension import raise_if_flow_run_suspension_requested
from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext
from prefect.states import Running
from prefect.task_engine import AsyncTaskRunEngine
from prefect.types import DateTime
from prefect.utilities.engine import emit_task_run_state_change_event

TOLD_AFTER_SECONDS = 1.0
"""How long a step runs before the engine tells Prefect that it is running."""
AnyClient = TypeVar("AnyClient", PrefectClient, SyncPrefectClient)


def fetch_tokens_singly(client: AnyClient) -> AnyClient:
    """Make a client fetch a single CSRF token when several requests need one at once; returns the client.

    A client asks for tokens under a name that it makes up, and each token replaces the one before: requests that each
    fetch their own are refused in turn, and the client repeats them seconds later. Forked clients share a name
    until they get a new one here. Prefect's client has no option for either.
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


class StepEngine(AsyncTaskRunEngine[Any, Any]):
    """Runs a task as Prefect does, but reports the state Running only if the task takes longer than a moment.

    Each event costs 3 ms over all parts, and most steps end within a moment: the event of their end says when they
    began. Prefect has no option for that.
    """

    _telling: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Run the task to its end, as `run_task_async` does for a task without retries and without a cache."""
        async with self.start():
            while self.is_running():
                async with self.run_context(), self.transaction_context() as transaction:
                    await self.call_task_fn(transaction)
                raise_if_flow_run_suspension_requested()

    async def begin_run(self) -> None:
        """Enter the state Running, and report it later."""
        run, before = self.task_run, self.state
        running: State[Any] = Running()
        context = FlowRunContext.get()
        assert run is not None  # noqa: S101
        running.state_details.task_run_id, running.state_details.flow_run_id = run.id, run.flow_run_id
        run.state, run.state_id, run.state_type, run.state_name = running, running.id, running.type, running.name
        run.run_count, run.start_time = 1, running.timestamp  # type: ignore[assignment]  # as Prefect's engine does
        if context and context.flow_run:
            run.flow_run_run_count = context.flow_run.run_count
        self._telling = asyncio.get_running_loop().call_later(TOLD_AFTER_SECONDS, self._tell, before, running)

    async def set_state(self, state: State[Any], force: bool = False) -> State[Any]:
        """Enter the next state; the engine no longer has to report that the task was running."""
        if self._telling is not None:
            self._telling.cancel()
        return await super().set_state(state, force)

    def _tell(self, before: State[Any], running: State[Any]) -> None:
        assert self.task_run is not None  # noqa: S101
        self._last_event = emit_task_run_state_change_event(self.task_run, before, running)


async def run_at_once(task: Task[..., Any], parameters: dict[str, Any]) -> None:
    """Run a task of the current flow run, as a call does, but with one event instead of three if the task is quick.

    No event says that the run is pending: Prefect reports a run that was created beforehand only when it begins, and
    this one begins at once.
    """
    run = await task.create_local_run(parameters=parameters, flow_run_context=FlowRunContext.get())
    await StepEngine(task=task, parameters=parameters, task_run=run).run()


async def write_artifact(client: PrefectClient, artifact: ArtifactCreate) -> None:
    """Write an artifact as the client does, but without the event that announces it.

    Only our API reads results, and it does not wait for that event. Prefect's client has no option for this.
    """
    await client.request("POST", "/artifacts/", json=artifact.model_dump(mode="json", exclude_unset=True))


def report_run(name: str, key: str, number: str, began: datetime, state: State[Any], tags: Sequence[str]) -> None:
    """Report a finished task run of the current flow run to Prefect: one event instead of three.

    A sweep checks thousands of sources, and a task that Prefect's engine runs costs more than the check itself: 11 ms
    of CPU in the server and 14 ms in the client. Prefect's own engine sends the same event, and its server creates the
    task run from it. `key` identifies the task, `number` its runs within one flow run.
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
