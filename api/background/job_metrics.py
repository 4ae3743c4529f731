"""Figures that Prometheus reads: jobs by how they ended, where their time went, what waits, and HTTP requests.

No label holds a name, a host or an id. Jobs are counted from the catalogue, so that every process of the API counts all
of them: over several processes take the maximum and not the sum. Requests are each process's own.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from litestar import Request
from litestar.plugins.prometheus import PrometheusConfig, PrometheusMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.jobs.following.watch import Watch
from api.jobs.status import open_status
from api.prefect.client import Run
from datasources.catalogue.jobs.job_stats import EndedJob, OpenJob, ended_since, unended
from datasources.model.vocabulary import JobStatus

BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 3600)
LATE = timedelta(minutes=1)
"""An ending becomes visible when its transaction ends: this much is read again."""

ENDED = Counter("sourcecheck_jobs_ended", "Jobs by how they ended", ["status", "error_code", "trigger"])
REAPED = Counter("sourcecheck_jobs_reaped", "Jobs that the API ended because their worker did not end them in time")
STAGES = Histogram(
    "sourcecheck_job_stage_seconds",
    "Time of ended jobs: queued (accepted to handed to Prefect), taken_up (until begun), run (until ended), whole",
    ["stage"],
    buckets=BUCKETS,
)
OPEN = Gauge("sourcecheck_jobs_open", "Jobs that have not ended, by status", ["status"])
OLDEST = Gauge("sourcecheck_oldest_waiting_job_seconds", "Age of the oldest job that has not begun; 0 if there is none")
CATALOGUE = Gauge("sourcecheck_catalogue_up", "1 if the figures above are current, 0 if the catalogue does not answer")


class Counting(PrometheusMiddleware):
    """Litestar's counting of requests, by path template.

    It takes an error of the middleware behind it (no key, too many requests) for a 200: it is answered before that.
    """

    def __init__(self, app: ASGIApp, config: PrometheusConfig) -> None:
        super().__init__(_answering(app), config)


def _answering(app: ASGIApp) -> ASGIApp:
    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            request: Request[Any, Any, Any] = Request(scope, receive, send)
            answer = request.app.exception_handlers[Exception]
            await answer(request, error).to_asgi_response(app=None, request=request)(scope, receive, send)

    return answering


REQUESTS = PrometheusConfig(
    app_name="sourcecheck",
    prefix="sourcecheck_http",
    group_path=True,
    exclude=[r"^/docs", r"^/metrics$", r"^/static/", r"^/live"],
    middleware_class=Counting,
)


class JobMetrics:
    """Brings the metrics up to date from the catalogue."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], watch: Watch) -> None:
        self._sessions = sessions
        self._watch = watch
        self._began = self._since = datetime.now(UTC)
        """Counters begin with the process, as Prometheus expects."""
        self._counted: dict[int, datetime] = {}
        self._refreshing = asyncio.Lock()
        for status in JobStatus:
            if not status.ended:
                OPEN.labels(status)

    async def refresh(self) -> None:
        """Count what has ended since the last time, and look at what is open."""
        async with self._refreshing:
            CATALOGUE.set(0)
            with suppress(SQLAlchemyError, TimeoutError):
                async with asyncio.timeout(5), self._sessions() as session:
                    ended, still_open = await ended_since(session, self._since - LATE), await unended(session)
                self._count(ended)
                self._look(still_open)
                CATALOGUE.set(1)

    def _count(self, ended: Sequence[EndedJob]) -> None:
        for job in ended:
            if job.id not in self._counted and job.ended_at > self._began:
                self._counted[job.id] = job.ended_at
                _note(job)
        self._since = max([self._since, *(job.ended_at for job in ended)])
        self._counted = {id_: at for id_, at in self._counted.items() if at > self._since - LATE}

    def _look(self, still_open: Sequence[OpenJob]) -> None:
        by_status = Tally(_status(job, self._watch.run_of(job.id)) for job in still_open)
        for status in JobStatus:
            if not status.ended:
                OPEN.labels(status).set(by_status[status])
        oldest = next((job.created_at for job in still_open if not job.started), None)
        OLDEST.set((datetime.now(UTC) - oldest).total_seconds() if oldest else 0)


def _note(job: EndedJob) -> None:
    ENDED.labels(job.status, job.error_code or "", job.trigger).inc()
    if job.reaped:
        REAPED.inc()
    times = {"queued": job.created_at, "taken_up": job.dispatched_at, "run": job.started_at, "over": job.ended_at}
    known = [(stage, at) for stage, at in times.items() if at is not None]
    for (stage, begun), (_, over) in pairwise(known):
        STAGES.labels(stage).observe(max(0.0, (over - begun).total_seconds()))
    STAGES.labels("whole").observe((job.ended_at - job.created_at).total_seconds())


def _status(job: OpenJob, run: Run | None) -> JobStatus:
    """A job that has begun counts as running, should the watch not have read its run anew since."""
    status = open_status(run, asks=job.asks)
    return JobStatus.processing if job.started and status is JobStatus.waiting else status
