"""The worker's room for private and undocumented parts of Prefect: nothing else in this folder touches one.

For each: why, and which public way was missing. `tests/deployments/test_prefect_seams.py` says in words what breaks
when a version of Prefect changes one; docs/upgrading-prefect.md says how to upgrade.
"""

import asyncio
import importlib
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect._flow_run_suspension import FlowRunSuspensionRequest, register_flow_run_suspension_request
from prefect.client.schemas.objects import FlowRun, State, StateType, WorkPool
from prefect.context import AsyncClientContext, SyncClientContext
from prefect.exceptions import TerminationSignal
from prefect.flow_engine import AsyncFlowRunEngine, FlowRunEngine
from prefect.flows import load_flow_from_entrypoint
from prefect.logging.loggers import flow_run_logger
from prefect.settings import get_current_settings
from prefect.utilities.callables import get_call_parameters, parameters_to_args_kwargs
from pydantic import BaseModel

from tasks._prefect import fetch_tokens_singly

FIRST_RUN_IMPORTS = ("prefect.utilities.visualization", "anyio._backends._asyncio", "encodings.idna")
"""What a process imports at its first run, above all for httpx's first request."""


class WorkPoolAccess:
    """What Prefect's worker keeps of its work pool, for a worker that takes up runs in its own way.

    `BaseWorker` is made to be subclassed, but documents only `run`; these attributes are private, and there is no hook
    for taking up runs otherwise than by polling.
    """

    _work_pool: WorkPool | None
    _work_pool_name: str
    _work_queues: set[str]
    _logger: logging.Logger | logging.LoggerAdapter[logging.Logger]
    _last_polled_time: datetime

    @property
    def pool_id(self) -> UUID | None:
        """The work pool's id; None before the first heartbeat. Prefect's `work_pool` raises then."""
        return self._work_pool.id if self._work_pool else None

    @property
    def pool_name(self) -> str:
        """The work pool's name."""
        return self._work_pool_name

    @property
    def queue_names(self) -> set[str]:
        """The work queues that it serves; empty means all."""
        return set(self._work_queues)

    @property
    def log(self) -> logging.Logger | logging.LoggerAdapter[logging.Logger]:
        """Its logger."""
        return self._logger

    def say_polled(self) -> None:
        """Its health endpoint (`worker start --with-healthcheck`) calls it unhealthy when it has not polled for long.

        `get_and_submit_flow_runs`, which we replace, keeps the time.
        """
        self._last_polled_time = datetime.now(UTC)


def look_ahead_seconds() -> float:
    """How far a poll looks ahead: what is due before the next poll has to be found by this one.

    `prefect worker start` polls at this interval, to which it adds up to 30 % by chance; the latter is written in its
    code alone.
    """
    return get_current_settings().worker.query_seconds * 1.5 + 1


def retried_in_process(run: FlowRun) -> bool:
    """Whether the run's own process, not a worker, starts it again.

    Prefect's server leaves such runs out when a worker asks what is due, by this very word.
    """
    return run.empirical_policy.retry_type == "in_process"


class WarmEngine(AsyncFlowRunEngine[Any, Any]):
    """Runs an async flow; SIGTERM cancels it, SIGINT crashes it, both by way of asyncio, so that it can clean up.

    Prefect's public way to run a flow run, `prefect.flow_engine.run_flow`, has no way to say these things.
    """

    _signalled: signal.Signals | None = None

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
        if self._signalled is signal.SIGTERM and isinstance(exc, asyncio.CancelledError):
            await self.handle_cancellation(exc)
        else:
            await super().handle_crash(exc)

    @contextmanager
    def setup_flow_run_suspension_request(self) -> Iterator[FlowRunSuspensionRequest]:
        """As Prefect does, without its thread, event loop, client and websocket for each run.

        Those only wait for an operator to suspend the run from outside, and take up to 0.2 s to stop; the worker tells
        us instead (`suspend`). No setting switches them off.
        """
        run = self.flow_run
        assert run is not None  # noqa: S101
        request = self._get_flow_run_suspension_request()
        with register_flow_run_suspension_request(run.id, request):
            request.raise_if_requested()
            yield request

    def suspend(self, state_id: str) -> None:
        """An operator has suspended the run: stop at the next step."""
        state = State[Any](id=UUID(state_id), type=StateType.PAUSED, name="Suspended")
        self._get_flow_run_suspension_request().mark_requested(state)

    def _stop(self, number: signal.Signals, task: "asyncio.Task[Any]") -> None:
        if self._signalled is None:
            self._signalled = number
            task.cancel()


class WarmSyncEngine(FlowRunEngine[Any, Any]):
    """Runs a synchronous flow. SIGTERM interrupts it, unless it is inside a C library."""

    heartbeat_seconds = None
    """Prefect would wait up to a second for its heartbeat thread; no setting of Prefect's switches it off."""

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


def log_of(run: FlowRun) -> "logging.LoggerAdapter[logging.Logger]":
    """The run's log in Prefect, outside of its flow; the public `get_run_logger` works only inside."""
    return flow_run_logger(run)


def flow_at(entrypoint: str) -> Flow[..., Any]:
    """The flow `module.function` itself; by default a flow that cannot be imported becomes a placeholder."""
    return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)


def import_for_first_run() -> None:
    """Import once, before the fork, what each process would import by itself; a name that is gone costs only time."""
    for name in FIRST_RUN_IMPORTS:
        with suppress(ImportError):
            importlib.import_module(name)


def complete_models() -> None:
    """Have pydantic build what it otherwise builds when a model is first used, in each process anew.

    Prefect defers that for a quick import, and has no call for a program that forks.
    """
    models = BaseModel.__subclasses__()
    for model in models:
        models += model.__subclasses__()
        if not model.__pydantic_complete__:
            model.model_rebuild(raise_errors=False)


class Clients:
    """Clients of Prefect, made before the fork and connected after it: to read the authorities takes longest.

    Prefect makes a client for each run, unless one is entered in the context that the run starts in; they are entered
    here for the life of the process, and so never left.
    """

    def __init__(self) -> None:
        self._async = AsyncClientContext()
        # Each run asks for the default storage of results by a synchronous client.
        self._sync = SyncClientContext()

    async def enter(self) -> None:
        """Be the clients of the runs to come."""
        fetch_tokens_singly(self._async.client)
        fetch_tokens_singly(self._sync.client)
        await self._async.__aenter__()
        self._sync.__enter__()
