"""Whether this service lives, and whether a test would be taken up."""

import asyncio
from collections.abc import Awaitable

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from api.dependencies import ServicesDep
from api.prefect.client import Unreachable
from api.runtime import Services
from api.wire.schemas import Readiness

PROBLEMS = {
    "catalogue": "The catalogue (SOURCECHECK_DATABASE_URL) does not answer, or its tables are not up to date",
    "prefect": "Prefect's server (PREFECT_API_URL) does not answer",
    "worker": "No worker of the work pool (SOURCECHECK_WORK_POOL) has given a sign of life lately",
}
"""What it means that a part is missing."""
NOT_KNOWN = "Whether a worker is there is not known, because Prefect's server does not answer"


@get("/health/live", tags=["Service"], operation_id="live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@get(
    "/health/ready",
    tags=["Service"],
    operation_id="ready",
    responses={503: ResponseSpec(Readiness, description="Something is missing", generate_examples=False)},
)
async def ready(services: ServicesDep) -> Response[Readiness]:
    """200 when a test would be taken up, 503 with what is missing otherwise."""
    catalogue, prefect, worker = await asyncio.gather(
        _holds(_catalogue(services)),
        _holds(services.prefect.answers()),
        _holds(services.prefect.worker_seen(services.settings.work_pool)),
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


async def _catalogue(services: Services) -> bool:
    async with services.sessions() as session:
        await session.execute(text("SELECT 1 FROM jobs LIMIT 1"))
    return True


async def _holds(question: Awaitable[bool]) -> bool:
    try:
        return await asyncio.wait_for(question, 5)
    except (*Unreachable, SQLAlchemyError, TimeoutError):
        return False
