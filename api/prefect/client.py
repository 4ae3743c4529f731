"""How the API talks to Prefect: runs here, schedules and events in files of their own."""

import asyncio
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

import httpx
import msgspec
from msgspec import Struct, field
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterId,
)
from prefect.client.schemas.objects import Artifact, FlowRun, State, TaskRun
from prefect.client.schemas.responses import SetStateStatus
from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.states import Cancelled, Cancelling, Crashed, Scheduled

from api.prefect.alerts import Alerts
from api.prefect.download_schedules import DownloadSchedules
from api.prefect.events import Events
from api.prefect.pages import PAGE, all_pages
from api.prefect.schedules import Schedules
from datasources.catalogue.tables import Job
from datasources.model.results import Published
from datasources.model.settings import Settings
from flows.prefect_events import FLOW_RUN, WORK_POOL, completed_state, flow_run_of
from flows.states import RUN_AGAIN
from flows.tags import run_name, run_tags
from tasks._prefect import fetch_tokens_singly
from tasks.outbox import RESULT_TYPE

BATCH = 50
"""Runs asked for in one request; their artifacts have to fit into one page of 200."""
SERVER_ANSWER_SECONDS = 20.0
"""For the server to answer, however busy: its client alone would ask again for a minute, or wait for one."""
HEARTBEAT_SECONDS = 30
"""Between two signs of life of a worker that does not say."""
PASSING = (
    "Scheduled",
    "Late",
    "Resuming",
    "AwaitingConcurrencySlot",
    "AwaitingRetry",
    "Pending",
    "Running",
    "Retrying",
    "heartbeat",
)
"""Events that change nothing for a job: it is read when a client asks about it."""

Unreachable = (httpx.HTTPError, OSError, PrefectException)
"""What the client raises when the server does not answer, or refuses; a `TimeoutError` is an `OSError`."""


class Run(Struct):
    """What Prefect knows of one job."""

    state: State[Any] | None
    started_at: datetime | None
    published: dict[str, Published] = field(default_factory=dict)
    tasks: dict[str, State[Any] | None] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state is not None and self.state.is_final()


class Change(Struct, frozen=True):
    """What an event says of a run."""

    flow_run_id: UUID
    run: Run | None
    """The outcome, if the event says that the run completed; any other ending has to be read."""


class PrefectServer:
    """Asks for runs and reads them back, in batches."""

    def __init__(self, settings: Settings) -> None:
        self._job_timeout = settings.job_timeout
        self._deployment_name = settings.deployment
        self._pool = settings.work_pool
        self._deployment_id: UUID | None = None
        self._client: PrefectClient = fetch_tokens_singly(get_client())
        self.schedules = Schedules(self._client, settings.health_deployment)
        self.downloads = DownloadSchedules(self._client, settings.downloads_deployment)
        self.events = Events(self._client)
        self.alerts = Alerts(self._client)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        await self.schedules.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self.schedules.__aexit__(*exc_info)
        await self._client.__aexit__(*exc_info)

    async def start(self, job: Job, source_name: str) -> UUID:
        """Ask for the job's run; asking again gives the same run. Only ids go along."""
        try:
            return await self._ask(job, source_name, await self._deployment())
        except ObjectNotFound:  # deployed anew, under another id
            self._deployment_id = None
            return await self._ask(job, source_name, await self._deployment())

    async def _ask(self, job: Job, source_name: str, deployment_id: UUID) -> UUID:
        run = await self._client.create_flow_run_from_deployment(
            deployment_id,
            parameters={"job_id": job.id},
            job_variables={
                "deadline": job.deadline.timestamp(),
                "timeout": job.timeout_seconds or self._job_timeout,
            },
            name=run_name(source_name, job.id, job.trigger),
            tags=run_tags(job_id=job.id, source_id=job.source_id, organization_id=job.organization_id),
            # Another catalogue on the same server, or an earlier one, has jobs of the same numbers.
            idempotency_key=f"job-{job.id}-{job.created_at.isoformat()}",
        )
        return run.id

    async def _deployment(self) -> UUID:
        if self._deployment_id is None:
            self._deployment_id = (await self._client.read_deployment_by_name(self._deployment_name)).id
        return self._deployment_id

    async def read(
        self, flow_run_ids: Sequence[UUID], known: Mapping[UUID, Run], detailed: Container[UUID]
    ) -> dict[UUID, Run]:
        """What Prefect knows of these runs; those it does not know are missing.

        Step results are fetched for runs that have ended and for those in `detailed`; the others keep what `known`
        holds. A run that is known to have ended is not asked for again.
        """
        found: dict[UUID, Run] = {}
        for start in range(0, len(flow_run_ids), BATCH):
            found |= await self._read_batch(list(flow_run_ids[start : start + BATCH]), known, detailed)
        return found

    async def _read_batch(
        self, ids: list[UUID], known: Mapping[UUID, Run], detailed: Container[UUID]
    ) -> dict[UUID, Run]:
        runs = {run_id: known[run_id] for run_id in ids if run_id in known and known[run_id].ended}
        # The run first: what it had published when it was seen ended is then certainly in the artifacts.
        flow_runs = await self._flow_runs([run_id for run_id in ids if run_id not in runs])
        runs |= {run.id: _run(run, known.get(run.id)) for run in flow_runs}
        ended = [run_id for run_id, run in runs.items() if run.ended]
        running = [run_id for run_id, run in runs.items() if run.started_at and run_id in detailed]
        artifacts, task_runs = await asyncio.gather(
            self._artifacts(list({*ended, *running})), self._task_runs([i for i in running if i not in ended])
        )
        for artifact in artifacts:
            if artifact.flow_run_id in runs:
                together = msgspec.convert(artifact.data, list[Published])
                runs[artifact.flow_run_id].published |= {published.task: published for published in together}
        for task_run in task_runs:
            if task_run.flow_run_id in runs:
                runs[task_run.flow_run_id].tasks[task_run.name] = task_run.state
        return runs

    async def _flow_runs(self, ids: list[UUID]) -> list[FlowRun]:
        if not ids:
            return []
        chosen = FlowRunFilter(id=FlowRunFilterId(any_=ids))
        return await self._client.read_flow_runs(flow_run_filter=chosen, limit=PAGE)

    async def _artifacts(self, ids: list[UUID]) -> list[Artifact]:
        if not ids:
            return []
        chosen = ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=ids), type=ArtifactFilterType(any_=[RESULT_TYPE])
        )
        return await all_pages(
            lambda offset: self._client.read_artifacts(artifact_filter=chosen, limit=PAGE, offset=offset)
        )

    async def _task_runs(self, ids: list[UUID]) -> list[TaskRun]:
        if not ids:
            return []
        chosen = FlowRunFilter(id=FlowRunFilterId(any_=ids))
        return await all_pages(
            lambda offset: self._client.read_task_runs(flow_run_filter=chosen, limit=PAGE, offset=offset)
        )

    async def changes(self) -> AsyncIterator[Change | None]:
        """Yield once when it begins to listen, and then whenever a run of this work pool ends or pauses.

        Ends when the connection does; raises what the client raises.
        """
        pool_id = (await self._client.read_work_pool(self._pool)).id
        chosen = EventFilter(
            event=EventNameFilter(prefix=[FLOW_RUN], exclude_name=[FLOW_RUN + name for name in PASSING]),
            any_resource=EventAnyResourceFilter(id=[f"{WORK_POOL}{pool_id}"]),
        )
        async with get_events_subscriber(filter=chosen, reconnection_attempts=0) as events:
            yield None
            async for event in events:
                yield _change(event)

    async def cancel(self, flow_run_id: UUID, *, running: bool) -> None:
        """Cancel a run: at once when it waits, by way of its worker when it runs."""
        state: State[Any] = Cancelling() if running else Cancelled(message="Cancelled on request")
        await self._client.set_flow_run_state(flow_run_id, state, force=not running)

    async def resume(self, flow_run_id: UUID, run_input: dict[str, Any]) -> bool:
        """Have a run that suspended itself go on; False when it is not suspended, or not yet for good."""
        result = await self._client.resume_flow_run(flow_run_id, run_input)
        return result.status is SetStateStatus.ACCEPT

    async def give_up(self, flow_run_id: UUID, reason: str) -> None:
        """Mark a run as crashed that no worker runs any longer."""
        await self._client.set_flow_run_state(flow_run_id, Crashed(message=reason), force=True)

    async def run_again(self, flow_run_id: UUID, lost_in: str, why: str, pause_seconds: float) -> None:
        """Have a lost run scheduled again, if it is still in the state in which it was lost."""
        run = await self._client.read_flow_run(flow_run_id)
        if run.state is not None and str(run.state.id) == lost_in:
            at = datetime.now(UTC) + timedelta(seconds=pause_seconds)
            state: State[Any] = Scheduled(scheduled_time=at, name=RUN_AGAIN, message=why)
            await self._client.set_flow_run_state(flow_run_id, state, force=True)

    async def answers(self) -> bool:
        """Whether the server answers."""
        return await self._client.api_healthcheck() is None

    async def has_deployment(self, name: str) -> bool:
        """Whether the server has a deployment of this name, `flow/deployment`."""
        try:
            await self._client.read_deployment_by_name(name)
        except ObjectNotFound:
            return False
        return True

    async def workers_seen(self, pool: str) -> int:
        """How many workers of the pool have given a sign of life lately: two of three may get lost."""
        try:
            workers = await self._client.read_workers_for_work_pool(pool)
        except ObjectNotFound:
            return 0
        now = datetime.now(UTC)
        return sum(
            _age(now, worker.last_heartbeat_time) < 3 * (worker.heartbeat_interval_seconds or HEARTBEAT_SECONDS)
            for worker in workers
        )


def _run(run: FlowRun, known: Run | None) -> Run:
    published, tasks = (known.published, known.tasks) if known else ({}, {})
    return Run(state=run.state, started_at=run.start_time, published=dict(published), tasks=dict(tasks))


def _change(event: Event) -> Change:
    state = completed_state(event)
    # It matters only that it began, no longer when.
    return Change(flow_run_of(event), Run(state=state, started_at=event.occurred) if state else None)


def _age(now: datetime, seen: datetime | None) -> float:
    return float("inf") if seen is None else (now - seen).total_seconds()
