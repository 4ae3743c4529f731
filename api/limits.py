"""Limits that protect all clients from one: tests asked for with one key, and waiting jobs (security row 12)."""

from typing import Any

from litestar import Request
from litestar.middleware import DefineMiddleware
from litestar.middleware.rate_limit import RateLimitConfig
from sqlalchemy.ext.asyncio import AsyncSession

from api.wire.errors import Problem
from datasources.catalogue.queue import waiting_jobs
from datasources.model.settings import Settings

ASKS_FOR_TEST = {"asks_for_test": True}
"""Option of a handler whose requests count."""
RETRY_SECONDS = 10
"""Until it makes sense to ask again when too many jobs wait."""


def key_limit(settings: Settings) -> DefineMiddleware:
    """Litestar's rate limit, a fixed window of a minute for each key, kept in the memory of this process.

    Comes after authentication. Answers 429 when the window is used up.
    """
    return RateLimitConfig(
        rate_limit=("minute", settings.tests_per_minute),
        identifier_for_request=lambda request: str(request.user.key_id),
        check_throttle_handler=_counts,
    ).middleware


async def refuse_when_full(session: AsyncSession, settings: Settings) -> None:
    """Raises 503 when as many jobs wait as may. Requests at the same moment may exceed it by their own number."""
    waiting = await waiting_jobs(session)
    if waiting >= settings.max_waiting_jobs:
        raise Problem(
            503,
            f"{waiting} tests wait already, and no more than {settings.max_waiting_jobs} may; try again later",
            {"Retry-After": str(RETRY_SECONDS)},
        )


def _counts(request: Request[Any, Any, Any]) -> bool:
    return "asks_for_test" in request.route_handler.opt
