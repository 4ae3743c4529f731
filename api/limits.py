"""Limits that protect all clients from one: tests asked for with one key, and waiting jobs (security row 12)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from litestar import Request
from litestar.middleware import DefineMiddleware
from litestar.middleware.rate_limit import RateLimitConfig
from sqlalchemy.ext.asyncio import AsyncSession

from api.wire.errors import Problem
from datasources.catalogue.queue import waiting_jobs
from datasources.health.plan import Plan
from datasources.model.settings import Settings

ASKS_FOR_TEST = {"asks_for_test": True}
"""Option of a handler whose requests count as requests for a test."""
MAKES_KEY = {"makes_key": True}
"""Option of a handler whose requests count as requests for a key."""
KEYS_PER_MINUTE = 60
"""Requests for a new API key that one organization may make in a minute, at each process of the API."""
RETRY_SECONDS = 10
"""Until it makes sense to ask again when too many jobs wait."""


def limits(settings: Settings) -> list[DefineMiddleware]:
    """Litestar's rate limits, a fixed window of a minute for each organization, kept in the memory of this process.

    They come after authentication. A key that makes other keys gains nothing: all of them count together.
    """
    return [_limit(ASKS_FOR_TEST, settings.tests_per_minute), _limit(MAKES_KEY, KEYS_PER_MINUTE)]


def _limit(option: dict[str, bool], per_minute: int) -> DefineMiddleware:
    (name,) = option

    def counts(request: Request[Any, Any, Any]) -> bool:
        return name in request.route_handler.opt

    def identify(request: Request[Any, Any, Any]) -> str:
        return f"{name}:{request.user.organization_id}"

    return RateLimitConfig(
        rate_limit=("minute", per_minute), identifier_for_request=identify, check_throttle_handler=counts
    ).middleware


async def refuse_when_full(session: AsyncSession, settings: Settings, organization_id: int) -> None:
    """Raises 503 when as many jobs of the organization wait as may.

    Requests at the same moment may exceed it by their own number.
    """
    waiting = await waiting_jobs(session, organization_id)
    if waiting >= settings.max_waiting_jobs:
        raise Problem(
            503,
            f"{waiting} tests of your organization wait already, and no more than {settings.max_waiting_jobs} may;"
            " try again later",
            {"Retry-After": str(RETRY_SECONDS)},
        )


def refuse_schedule(wanted: Plan, others: Sequence[Plan], settings: Settings, now: datetime) -> None:
    """Raises 409 when an organization's schedules would be too many, or would ask for too many tests."""
    if len(others) >= settings.max_schedules:
        raise Problem(
            409, f"Your organization has {len(others)} schedules; no more than {settings.max_schedules} may be"
        )
    rate = wanted.per_minute(now)
    whole = rate + sum(plan.per_minute(now) for plan in others)
    if rate and whole > settings.scheduled_tests_per_minute:
        raise Problem(
            409,
            f"The schedules of your organization would ask for {whole:.0f} tests a minute; the limit is"
            f" {settings.scheduled_tests_per_minute}. Use longer intervals",
        )
