"""Whether this service lives, whether a test would be taken up, and figures about both."""

import asyncio
from collections.abc import Awaitable

from litestar import Response, get
from litestar.response import Redirect
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.dependencies import ServicesDep
from api.prefect.client import Unreachable
from api.wire.responses import NOT_READY
from api.wire.schemas import Readiness
from datasources.catalogue.engine import is_usable

PROBLEMS = {
    "catalogue": "The catalogue (SOURCECHECK_DATABASE_URL) does not answer, or its tables are not up to date",
    "prefect": "Prefect's server (PREFECT_API_URL) does not answer",
    "worker": "No worker of the work pool (SOURCECHECK_WORK_POOL) has sent a heartbeat lately",
}
"""What it means that a part is missing."""
HOME = "/docs"
NOT_KNOWN = "Whether a worker runs is unknown, because Prefect's server does not answer"


@get("/", include_in_schema=False)
async def home() -> Redirect:
    """Where a person who opens the service's address goes."""
    return Redirect(HOME)


@get("/health/live", tags=["Service"], summary="Tell whether the process answers", operation_id="live")
async def live() -> dict[str, str]:
    """Always 200 while the process answers; it asks no other part."""
    return {"status": "live"}


@get(
    "/health/ready",
    tags=["Service"],
    summary="Tell whether a test would be taken up",
    operation_id="ready",
    responses=NOT_READY,
)
async def ready(services: ServicesDep) -> Response[Readiness]:
    """200 when a test would be taken up, 503 with what is missing otherwise."""
    catalogue, prefect, worker = await asyncio.gather(
        _holds(is_usable(services.sessions)),
        _holds(services.prefect.answers()),
        _holds(services.prefect.workers_seen(services.settings.work_pool)),
    )
    missing = [name for name, here in (("catalogue", catalogue), ("prefect", prefect), ("worker", worker)) if not here]
    problems = {name: PROBLEMS[name] for name in missing}
    if not prefect and not worker:
        problems["worker"] = NOT_KNOWN
    found = Readiness(
        ready=not missing,
        catalogue=catalogue,
        prefect=prefect,
        worker=worker,
        problems=problems,
    )
    return Response(found, status_code=200 if found.ready else 503)


@get(
    "/metrics",
    tags=["Service"],
    summary="Read figures for Prometheus",
    operation_id="metrics",
    media_type="text/plain",
)
async def metrics(services: ServicesDep) -> Response[bytes]:
    """Figures for Prometheus, in its text format. Needs no key: no figure holds a name, a host, an id or a secret."""
    await services.figures.refresh()
    return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _holds(question: Awaitable[bool | int]) -> bool:
    try:
        return bool(await asyncio.wait_for(question, 5))
    except Unreachable:
        return False
