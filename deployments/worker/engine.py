"""Prefect's flow engines, but for what a worker that watches over the process does better."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import TerminationSignal
from prefect.flow_engine import AsyncFlowRunEngine, FlowRunEngine
from prefect.utilities.callables import get_call_parameters, parameters_to_args_kwargs


class PrimedClient(PrefectClient):
    """Another handle on a client's connection, which knows the run that is asked for first."""

    def __init__(self, client: PrefectClient, run: FlowRun) -> None:
        vars(self).update(vars(client))
        self._known: FlowRun | None = run

    async def read_flow_run(self, flow_run_id: UUID) -> FlowRun:
        """The run that is known, once; then as Prefect has it."""
        known, self._known = self._known, None
        return known if known and known.id == flow_run_id else await super().read_flow_run(flow_run_id)


class WarmEngine(AsyncFlowRunEngine[Any, Any]):
    """Runs an async flow; SIGTERM cancels it, SIGINT crashes it, both by way of asyncio, so that it can clean up."""

    heartbeat_seconds = None  # the worker sees at once that its process is gone
    _told: signal.Signals | None = None
    _suspension: Any = None
    _informed = False

    async def run(self) -> State[Any]:
        """Run to the end. Raises what Prefect's own loop raises: `Abort`, `Pause`, and troubles of the engine."""
        async with self.start():
            while self.is_running():
                async with self.run_context():
                    # Typed as if it returned another coroutine.
                    await self.call_flow_fn()  # type: ignore[unused-coroutine]
        return self.state

    async def begin_run(self) -> State[Any]:
        """Begin, with signals that stop the flow rather than the process."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number, task)
        return await super().begin_run()

    async def handle_crash(self, exc: BaseException) -> None:
        """Tell a cancellation from a crash."""
        if self._told is signal.SIGTERM and isinstance(exc, asyncio.CancelledError):
            await self.handle_cancellation(exc)
        else:
            await super().handle_crash(exc)

    @contextmanager
    def setup_flow_run_suspension_request(self) -> Iterator[Any]:
        """As Prefect does, without its thread, event loop, client and websocket for each run.

        Those only wait for somebody to suspend the run from outside, and take up to 0.2 s to stop. Prefect starts them
        for runs of a deployment, so here the run has none for a moment; the worker tells us instead (`suspend`).
        """
        run = self.flow_run
        assert run is not None  # noqa: S101
        deployment_id, run.deployment_id = run.deployment_id, None
        with super().setup_flow_run_suspension_request() as request:
            run.deployment_id = deployment_id
            self._suspension = request
            yield request

    @asynccontextmanager
    async def setup_run_context(self, client: PrefectClient | None = None) -> AsyncIterator[None]:
        """As Prefect does, but that it asks for the run only when it is tried again.

        The first time the worker has read it a moment before, and what has become of it since, the engine was told
        when it set it running.
        """
        run = self.flow_run
        assert run is not None  # noqa: S101
        if client is None and not self._informed:
            begun = {"run_count": run.run_count + 1, "start_time": run.start_time or self.state.timestamp}
            client, self._informed = PrimedClient(self.client, run.model_copy(update=begun)), True
        async with super().setup_run_context(client):
            yield

    def suspend(self, state_id: str) -> None:
        """Somebody suspended the run: stop at the next step."""
        if self._suspension is not None:
            self._suspension.mark_requested(State(id=UUID(state_id), type=StateType.PAUSED, name="Suspended"))

    def _stop(self, number: signal.Signals, task: "asyncio.Task[Any]") -> None:
        if self._told is None:
            self._told = number
            task.cancel()


class WarmSyncEngine(FlowRunEngine[Any, Any]):
    """Runs a synchronous flow. SIGTERM interrupts it, unless it is inside a C library."""

    heartbeat_seconds = None  # Prefect would wait up to a second for its heartbeat thread

    def run(self) -> State[Any]:
        """Run to the end, as `WarmEngine.run` does."""
        with self.start():
            while self.is_running():
                with self.run_context():
                    self.call_flow_fn()
        return self.state

    def handle_crash(self, exc: BaseException) -> None:
        """Tell a cancellation from a crash."""
        if isinstance(exc, TerminationSignal):
            self.handle_cancellation(exc)
        else:
            super().handle_crash(exc)


def engine_for(flow: Flow[..., Any], flow_run: FlowRun) -> WarmEngine | WarmSyncEngine:
    """The engine of this flow. Raises `TypeError` for a generator."""
    if flow.isgenerator:
        raise TypeError("flows that are generators need a process work pool")
    args, kwargs = parameters_to_args_kwargs(flow.fn, flow_run.parameters)
    parameters = get_call_parameters(flow.fn, args, kwargs)
    engine = WarmEngine if flow.isasync else WarmSyncEngine
    return engine(flow=flow, flow_run=flow_run, parameters=parameters)
