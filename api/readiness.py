"""Whether this service lives, and whether a test would be taken up."""

import asyncio
from collections.abc import Awaitable

from litestar import Response, get
from prefect.exceptions import PrefectException
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from api.prefect import Unreachable
from api.schemas import Readiness
from api.services import Services

WORKER_SECONDS = 90.0
"""A worker gives a sign of life every 30 s by default."""


@get("/health/live", tags=["Service"], operation_id="live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@get("/health/ready", tags=["Service"], operation_id="ready")
async def ready(services: Services) -> Response[Readiness]:
    """200 when a test would be taken up, 503 with what is missing otherwise."""
    settings = services.settings
    catalogue, prefect, worker = await asyncio.gather(
        _holds(_catalogue(services)),
        _holds(services.prefect.answers()),
        _holds(services.prefect.worker_seen(settings.work_pool, WORKER_SECONDS)),
    )
    found = Readiness(ready=catalogue and prefect and worker, catalogue=catalogue, prefect=prefect, worker=worker)
    return Response(found, status_code=200 if found.ready else 503)


async def _catalogue(services: Services) -> bool:
    async with services.sessions() as session:
        await session.execute(text("SELECT 1 FROM jobs LIMIT 1"))
    return True


async def _holds(question: Awaitable[bool]) -> bool:
    try:
        return await asyncio.wait_for(question, 5)
    except (*Unreachable, PrefectException, SQLAlchemyError, TimeoutError):
        return False
