"""A worker whose runs start within milliseconds, each in a warm process that can be ended by itself."""

import asyncio
import time
from typing import Any
from uuid import UUID, uuid4

import anyio.abc
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events import Event
from prefect.exceptions import ObjectNotFound
from prefect.types._datetime import now
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from pydantic import Field

from datasources.model.settings import Settings
from deployments.worker.events import CHANGED, TO_BE_RUN, Watch, run_id
from deployments.worker.execution import CANCEL_GRACE, Execution
from deployments.worker.orphans import OrphanReaper
from deployments.worker.owner import Owner
from deployments.worker.pool import WARM, Limits, WarmPool
from deployments.worker.protocol import Order
from deployments.worker.queue import RunQueue

LIMIT = 8
"""Runs at the same time, unless told otherwise."""
DRAIN = 2.0
"""Seconds that runs have to end in when the worker stops, before they are stopped."""
REMEMBERED = 30.0
"""Seconds for which what we know of a deployment is taken to be still so."""
MOST_SEEN = 2000
"""Runs that are remembered as taken up already."""
KINDS = {"env": "object", "deadline": "number", "timeout": "number"}
"""Our job variables, and what Prefect's server has to know of their values; the rest is checked here."""
UNUSED = ("command", "labels", "name")
"""Job variables of Prefect's base that have no meaning here."""


class SourcecheckVariables(BaseVariables):
    """What a deployment or a flow run may set."""

    deadline: float | None = Field(
        default=None,
        description="When the run has to have ended, in seconds since 1970; a second later its process is killed.",
    )
    timeout: float | None = Field(
        default=None,
        description="How many seconds a run may take that waited for an answer, or has no deadline (a scheduled one).",
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


class SourcecheckWorker(BaseWorker[SourcecheckConfiguration, SourcecheckVariables, SourcecheckResult]):
    """Takes up runs on Prefect's events, and asks now and then in case one was lost."""

    type = WARM
    job_configuration = SourcecheckConfiguration
    job_configuration_variables = SourcecheckVariables
    _description = "Execute flow runs in warm, isolated processes that start within milliseconds."
    _display_name = "Sourcecheck"

    def __init__(self, work_pool_name: str, *, limit: int | None = None, **options: Any) -> None:
        super().__init__(work_pool_name, limit=limit or LIMIT, **options)
        self._pool = WarmPool(Limits(runs=Settings.load().runs_per_process))
        self._owner = Owner(self.name, uuid4().hex[:8])
        self._orphans: OrphanReaper | None = None
        self._queue: RunQueue | None = None
        self._watch: asyncio.Task[None] | None = None
        self._executions: dict[UUID, Execution] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._services: list[asyncio.Task[None]] = []
        self._deployments: dict[UUID, tuple[float, DeploymentResponse]] = {}
        self._seen: dict[UUID, float] = {}
        self._wanted = asyncio.Event()
        self._taking = asyncio.Lock()

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        """Without the variables that mean nothing here, and with ours in the fewest words.

        Prefect's server checks this schema for each run that it creates, and once more for each default in it.
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
        self._services.append(asyncio.create_task(self._answer_wishes()))

    async def sync_with_backend(self) -> None:
        """The heartbeat; the first one tells us our work pool, whose events we then watch."""
        await super().sync_with_backend()
        if self._work_pool and not self._watch:
            self._queue = RunQueue(self.client, self._work_pool_name, lambda: self._work_queues, self._wanted.set)
            self._orphans = OrphanReaper(
                self.client, self._work_pool_name, self._owner, self.heartbeat_interval_seconds
            )
            watch = Watch(self._work_pool.id, self._logger, on_event=self._on_event, ask=self._ask)
            self._watch = asyncio.create_task(watch.run())
            self._services.append(self._watch)
        if self._queue:
            await self._queue.look()

    async def teardown(self, *exc_info: Any) -> None:
        """Let runs end for a while, end the others, and report them."""
        for service in self._services:
            service.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=DRAIN)
        for execution in self._executions.values():
            execution.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CANCEL_GRACE + 1)
        await self._pool.close()
        await super().teardown(*exc_info)

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """The ordinary poll: in case an event was lost, and for what is scheduled until the next poll."""
        if self._queue is None or self._orphans is None:
            return []
        self._last_polled_time = now("UTC")
        self._queue.ask()
        taken = await self._take()
        await self._orphans.look(self._executions)
        return taken

    async def run(
        self,
        flow_run: FlowRun,
        configuration: SourcecheckConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> SourcecheckResult:
        """Run it in a warm process; whatever happens, the run is concluded."""
        execution = self._executions[flow_run.id]
        order = Order(
            flow_run=flow_run.model_dump_json(), entrypoint=await self._entrypoint(flow_run), env=configuration.env
        )
        status = await execution.carry_out(order, configuration.ends_by(flow_run))
        return SourcecheckResult(identifier=str(execution.process_id), status_code=status)

    async def _setup_cancellation_observer(self) -> None:
        """Prefect's own would mark runs cancelled that are about to begin; we watch for ourselves."""

    def _on_event(self, name: str, event: Event) -> None:
        if name in CHANGED:
            if self._queue:
                self._queue.changed()
            return
        execution = self._executions.get(run_id(event))
        if name in TO_BE_RUN:
            if self._queue:
                self._queue.tell(run_id(event))
        elif execution is None or event.occurred <= execution.since:
            return  # of another worker's run, or of an earlier life of ours
        elif name == "Cancelling":
            execution.cancel()
        else:
            execution.suspend(str(event.id))

    async def _ask(self) -> None:
        """Events may have been missed: of runs to begin, and of runs of ours to end."""
        if self._queue:
            self._queue.ask()
            await self._queue.look()
        for execution in list(self._executions.values()):
            await execution.check()

    async def _answer_wishes(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._take()
            except Exception as error:  # the next poll asks again, and says so if the server is gone for long
                self._logger.warning("Could not ask for scheduled runs: %r", error)

    async def _take(self) -> list[FlowRun]:
        """Take up what is due, as far as there is room."""
        async with self._taking:
            if self._queue is None:
                return []
            if not self._queue.unlimited:  # a run that is being claimed is neither scheduled for Prefect nor counted
                await asyncio.gather(*(execution.claimed.wait() for execution in self._executions.values()))
            room = (self._limit or LIMIT) - len(self._executions)
            if room <= 0:
                return []
            begun = [run for run in await self._queue.next(room) if self._begin(run)]
            if len(begun) < room and self._queue.more:  # some were not to be run any more
                self._wanted.set()
            return begun

    def _begin(self, run: FlowRun) -> bool:
        if run.id in self._executions or run.state_id is None or run.state_id in self._seen:
            return False  # an old answer: a run that is scheduled again has a new state
        self._forget_old()
        self._seen[run.state_id] = time.monotonic()
        execution = self._executions[run.id] = Execution(run, self.client, self._pool)
        task = asyncio.create_task(self._carry_out(execution))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _carry_out(self, execution: Execution) -> None:
        run = execution.run
        try:
            claimed, configuration = await asyncio.gather(execution.claim(self._owner), self._configure(run))
            if claimed:
                await self.run(run, configuration)
        except Exception:
            self._logger.exception("Flow run %s could not be run", run.id)
            await execution.give_up("The worker could not run it; its log says why")
            if run.state_id:  # should it still be scheduled, it is taken up the next time
                self._seen.pop(run.state_id, None)
        finally:
            self._executions.pop(run.id, None)
            if self._queue:
                self._queue.freed()

    async def _configure(self, run: FlowRun) -> SourcecheckConfiguration:
        """The job variables as Prefect merges them, without a request and without its variables for a new process."""
        deployment = await self._deployment(run)
        defaults = (deployment.job_variables if deployment else None) or {}
        given = run.job_variables or {}
        values = {**defaults, **given}
        if defaults.get("env") or given.get("env"):
            values["env"] = {**(defaults.get("env") or {}), **(given.get("env") or {})}
        return await self.job_configuration.from_template_and_values(
            base_job_template=self.work_pool.base_job_template, values=values, client=self.client
        )

    async def _entrypoint(self, run: FlowRun) -> str | None:
        """Where the flow is, when it is installed and nothing has to be fetched for it."""
        deployment = await self._deployment(run)
        if deployment is None or deployment.pull_steps or deployment.storage_document_id:
            return None
        entrypoint = deployment.entrypoint or ""
        return entrypoint if entrypoint and ":" not in entrypoint else None

    async def _deployment(self, run: FlowRun) -> DeploymentResponse | None:
        """Asked for once in a while, not for each run."""
        if run.deployment_id is None:
            return None
        since, known = self._deployments.get(run.deployment_id, (0.0, None))
        if known is None or time.monotonic() - since > REMEMBERED:
            try:
                known = await self.client.read_deployment(run.deployment_id)
            except ObjectNotFound:
                return None
            self._deployments[run.deployment_id] = (time.monotonic(), known)
        return known

    def _forget_old(self) -> None:
        """Old answers are seconds old; what is older need not be remembered."""
        if len(self._seen) > MOST_SEEN:
            oldest = sorted(self._seen, key=self._seen.__getitem__)[: MOST_SEEN // 2]
            for state_id in oldest:
                del self._seen[state_id]
