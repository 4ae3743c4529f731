"""A worker whose runs start within milliseconds, each in a warm process that can be ended by itself."""

import asyncio
import time
from typing import Any
from uuid import UUID, uuid4

import anyio.abc
from prefect.client.schemas.objects import FlowRun
from prefect.events import Event
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from pydantic import Field

from datasources.model.settings import Settings
from deployments.worker._prefect import WorkPoolAccess
from deployments.worker.admission import Refused, admitted_entrypoint, admitted_variables
from deployments.worker.events import TO_BE_RUN, TO_BE_STOPPED, PoolEvents
from deployments.worker.execution import CLEAN_UP_SECONDS, Execution
from deployments.worker.intake import Intake
from deployments.worker.known_deployments import KnownDeployments
from deployments.worker.orphans import OrphanReaper
from deployments.worker.owner import Owner
from deployments.worker.processes.pool import WARM, Limits, WarmPool
from deployments.worker.processes.protocol import Order
from deployments.worker.queue import RunQueue
from flows.prefect_events import LIMITS_CHANGED, flow_run_of
from tasks._prefect import fetch_tokens_singly

DRAIN_SECONDS = 2.0
"""What runs have to end in when the worker stops, before they are stopped."""
KINDS = {"deadline": "number", "timeout": "number"}
"""Our job variables, and what Prefect's server has to know of their values; the rest is checked in `admission`."""
UNUSED = ("command", "env", "labels", "name")
"""Job variables of Prefect's base that have no meaning here, or are refused."""


class SourcecheckVariables(BaseVariables):
    """What a deployment or a flow run may set."""

    deadline: float | None = Field(
        default=None,
        description="Unix time by which the run must have ended; a second later its process is killed.",
    )
    timeout: float | None = Field(
        default=None,
        description="Time limit in seconds of runs without a deadline: scheduled runs, and runs after a question.",
    )


class SourcecheckConfiguration(BaseJobConfiguration):
    """The variables, with the defaults of the pool and the deployment filled in."""

    deadline: float | None = None
    timeout: float | None = None

    def ends_by(self, run: FlowRun) -> float | None:
        """When a run that begins now has to have ended, in seconds since 1970; the waiting of a resumed one is free."""
        anew = run.run_count or self.deadline is None
        return time.time() + self.timeout if self.timeout is not None and anew else self.deadline


class SourcecheckResult(BaseWorkerResult):
    """The process's id, and 0 when the run concluded itself."""


class SourcecheckWorker(WorkPoolAccess, BaseWorker[SourcecheckConfiguration, SourcecheckVariables, SourcecheckResult]):
    """Takes up runs on Prefect's events, and asks now and then in case one was lost."""

    type = WARM
    job_configuration = SourcecheckConfiguration
    job_configuration_variables = SourcecheckVariables
    _description = "Execute flow runs in warm, isolated processes that start within milliseconds."
    _display_name = "Sourcecheck"

    def __init__(self, work_pool_name: str, *, limit: int | None = None, **options: Any) -> None:
        settings = Settings.load()
        # Sweeps come beside the tests that the API hands out, and must not take their slots.
        self._slots = (limit or settings.slots_per_worker) + settings.sweeps_per_worker
        super().__init__(work_pool_name, limit=self._slots, **options)
        self._pool = WarmPool(Limits(runs=settings.runs_per_process))
        self._owner = Owner(self.name, uuid4().hex[:8])
        self._deployments = KnownDeployments()
        self._executions: dict[UUID, Execution] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._services: list[asyncio.Task[None]] = []
        self._intake: Intake | None = None
        """None until the first heartbeat has told us our work pool."""

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        """Without the variables that mean nothing here, and with ours in the fewest words.

        Prefect's server checks this schema for each run that it creates, and again for each default in it.
        """
        template = super().get_default_base_job_template()
        variables = template["variables"]["properties"]
        for name in UNUSED:
            template["job_configuration"].pop(name, None)
            variables.pop(name, None)
        for name, kind in KINDS.items():
            said = variables[name]
            variables[name] = {"title": said["title"], "description": said["description"], "type": kind}
        return template

    async def setup(self) -> None:
        """Warm up, and only then introduce ourselves: a worker that is seen takes a run up at once."""
        await self._pool.warm()
        await super().setup()

    async def sync_with_backend(self) -> None:
        """The heartbeat; the first one tells us our work pool, whose events we then watch."""
        if not self._intake:
            fetch_tokens_singly(self.client)
        await super().sync_with_backend()
        if self.pool_id and not self._intake:
            self._attend(self.pool_id)
        if self._intake:
            await self._intake.queue.limits.look()

    def _attend(self, pool_id: UUID) -> None:
        queue = RunQueue(self.client, self.pool_name, self.queue_names)
        self._intake = Intake(queue, self._slots, self._executions, self._begin)
        orphans = OrphanReaper(self.client, self.pool_name, self._owner, self.heartbeat_interval_seconds)
        events = PoolEvents(pool_id, self.log, on_event=self._on_event, ask=self._ask)
        loops = (events.run(), self._intake.run(self.log), orphans.run(self._executions, self.log))
        self._services = [asyncio.create_task(loop) for loop in loops]

    async def teardown(self, *exc_info: Any) -> None:
        """Let runs end for a while, end the others, and report them."""
        for service in self._services:
            service.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=DRAIN_SECONDS)
        for execution in self._executions.values():
            execution.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLEAN_UP_SECONDS + 1)
        await self._pool.close()
        await super().teardown(*exc_info)

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """The ordinary poll: in case an event was lost, and for what is scheduled until the next poll."""
        if self._intake is None:
            return []
        self.say_polled()
        self._intake.queue.ask()
        return await self._intake.take()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: SourcecheckConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> SourcecheckResult:
        """Run it in a warm process; the run is concluded in every case."""
        execution = self._executions[flow_run.id]
        order = Order(flow_run=flow_run.model_dump_json(), entrypoint=execution.entrypoint)
        status = await execution.carry_out(order, configuration.ends_by(flow_run))
        return SourcecheckResult(identifier=str(execution.process_id), status_code=status)

    def _on_event(self, name: str, event: Event) -> None:
        if self._intake and name in LIMITS_CHANGED:
            self._intake.queue.changed()
        elif self._intake and name in TO_BE_RUN:
            self._intake.queue.tell(flow_run_of(event))
        elif name in TO_BE_STOPPED:
            self._stop(name, event)

    def _stop(self, name: str, event: Event) -> None:
        execution = self._executions.get(flow_run_of(event))
        if execution is None or event.occurred <= execution.since:
            return  # of another worker's run, or of an earlier life of ours
        if name == "Cancelling":
            execution.cancel()
        else:
            execution.suspend(str(event.id))

    async def _ask(self) -> None:
        """Events may have been missed: of runs to begin, and of runs of ours to end."""
        if self._intake:
            self._intake.queue.ask()
            await self._intake.queue.limits.look()
        for execution in list(self._executions.values()):
            await execution.check()

    def _begin(self, run: FlowRun) -> None:
        execution = self._executions[run.id] = Execution(run, self.client, self._pool)
        task = asyncio.create_task(self._carry_out(execution))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, execution: Execution) -> None:
        run = execution.run
        try:
            claimed, admitted = await asyncio.gather(execution.claim(self._owner), self._admit(execution))
            if claimed and isinstance(admitted, Refused):
                self.log.warning("Flow run %s is refused: %s", run.id, admitted)
                await execution.refuse(str(admitted))
            elif claimed and not isinstance(admitted, Refused):
                await self.run(run, admitted)
        except Exception:
            self.log.exception("Flow run %s could not be run", run.id)
            await execution.give_up("The worker could not run it; its log says why")
            if self._intake:
                self._intake.try_again(run)
        finally:
            self._executions.pop(run.id, None)
            if self._intake:
                self._intake.queue.freed()

    async def _admit(self, execution: Execution) -> SourcecheckConfiguration | Refused:
        """What is to be run, and by when; or why it is not run. Raises what Prefect's client raises."""
        run = execution.run
        deployment = await self._deployments.of(run, self.client)
        try:
            execution.entrypoint = admitted_entrypoint(deployment)
            variables = admitted_variables(run, deployment, self.work_pool.base_job_template)
        except Refused as refused:
            return refused
        return SourcecheckConfiguration(deadline=variables.deadline, timeout=variables.timeout)
