"""A warm process: forked with everything imported, connected to Prefect, it runs one flow run at a time."""

import asyncio
import contextvars
import os
import signal
import socket
import traceback
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
import psutil
import uvloop
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Abort, Pause

from datasources.catalogue.engine import keep_connections
from datasources.model.settings import Settings
from datasources.network.threads import threads_left
from deployments.serve.gc_tuning import collect_rarely
from deployments.serve.logs import start_logging
from deployments.worker._prefect import (
    Clients,
    WarmEngine,
    WarmSyncEngine,
    engine_for,
    flow_at,
    log_of,
)
from deployments.worker.processes.memory import limit_memory
from deployments.worker.processes.protocol import LONGEST, Ended, Line, Order, Ready, Suspend, ToProcess

T = TypeVar("T")


def work(line: socket.socket, clients: Clients) -> None:
    """Run what the other end of this socket orders, until it hangs up."""
    settings = Settings.load()
    limit_memory(settings.run_memory_mb)
    start_logging(settings)
    collect_rarely()
    keep_connections()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        process = WarmProcess(runner, line, clients)
        while order := process.next_order():
            process.execute(order)


class WarmProcess:
    """Its event loop and its connection to Prefect outlive a run."""

    def __init__(self, runner: asyncio.Runner, line: socket.socket, clients: Clients) -> None:
        self._runner = runner
        self._line, self._context = runner.run(_warm_up(line, clients))
        self._line.say(Ready())

    def next_order(self) -> Order | None:
        """Wait for the next order; None means that there will be no more."""
        while heard := self._runner.run(self._line.hear()):
            message = msgspec.json.decode(heard, type=ToProcess)
            if isinstance(message, Order):
                return message
        return None

    def execute(self, order: Order) -> None:
        """Run it, and say how it ended."""
        run = FlowRun.model_validate_json(order.flow_run)
        os.environ["PREFECT__FLOW_RUN_ID"] = str(run.id)
        trouble = None
        try:
            self._drive(engine_for(flow_at(order.entrypoint), run))
        except (Abort, Pause, asyncio.CancelledError, KeyboardInterrupt):
            pass  # the engine has concluded the run
        except Exception as error:
            trouble = _trouble(error, run)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        rss = psutil.Process().memory_info().rss
        self._line.say(Ended(trouble=trouble, rss=rss, threads=threads_left()))
        self._run(self._line.flush())

    def _drive(self, engine: WarmEngine | WarmSyncEngine) -> None:
        if isinstance(engine, WarmEngine):
            self._run(self._listening(engine))
        else:
            engine.run()

    async def _listening(self, engine: WarmEngine) -> None:
        listener = asyncio.create_task(self._listen(engine))
        try:
            await engine.run()
        finally:
            listener.cancel()
            await asyncio.wait([listener])

    async def _listen(self, engine: WarmEngine) -> None:
        while heard := await self._line.hear():
            message = msgspec.json.decode(heard, type=ToProcess)
            if isinstance(message, Suspend):
                engine.suspend(message.state_id)
        os.killpg(0, signal.SIGKILL)  # the worker is gone, and nothing runs unseen

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Each run gets a copy of the context, so that none sees what another has left in it."""
        return self._runner.run(coroutine, context=self._context.copy())


async def _warm_up(line: socket.socket, clients: Clients) -> tuple[Line, contextvars.Context]:
    reader, writer = await asyncio.open_unix_connection(sock=line, limit=LONGEST)
    await clients.enter()
    return Line(reader, writer), contextvars.copy_context()


def _trouble(error: Exception, run: FlowRun) -> str:
    log_of(run).error("The run could not be executed", exc_info=error)
    return "".join(traceback.format_exception_only(error)).strip()
