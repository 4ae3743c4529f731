"""Limits that protect all clients from any single one: requests for tests, and waiting jobs (security row 12)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from litestar import Request
from litestar.middleware import DefineMiddleware
from litestar.middleware.rate_limit import RateLimitConfig
from litestar.types import ASGIApp, Receive, Scope, Send
from sqlalchemy.ext.asyncio import AsyncSession

from api.wire.errors import Problem
from datasources.catalogue.health.timetables import scheduled_plans
from datasources.catalogue.locks import lock_organization
from datasources.catalogue.tables import DataSource
from datasources.health.plan import Plan
from datasources.model.settings import Settings

ASKS_FOR_TEST = {"asks_for_test": True}
"""Option of a handler whose requests count as requests for a test."""
MAKES_KEY = {"makes_key": True}
"""Option of a handler whose requests count as requests for a key."""
CHANGES_ALERT = {"changes_alert": True}
"""Option of a handler whose requests have Prefect's server send something, or get ready to (security row 32)."""
MAKES_PLAN = {"makes_plan": True}
"""Option of a handler that tells a client whether a secret equals the stored one (security row 26)."""
PLANS_PER_MINUTE = 60
"""How many such requests one organization may make in a minute, at each process of the API."""
KEYS_PER_MINUTE = 60
"""Requests for a new API key that one organization may make in a minute, at each process of the API."""
ALERTS_PER_MINUTE = 20
"""Alerts that one organization may make or try in a minute, at each process of the API."""
RETRY_SECONDS = 10
"""How long a client should wait before it asks again when too many jobs are waiting."""


def limits(settings: Settings) -> list[DefineMiddleware]:
    """Litestar's rate limits, a fixed window of a minute for each organization, kept in the memory of this process.

    They come after authentication. A key that makes other keys gains nothing: all of them count together. A request
    that does not count passes by: Litestar's own `check_throttle_handler` costs each of them a request object and,
    for a plain function, a thread.
    """
    return [
        _limit(ASKS_FOR_TEST, settings.tests_per_minute),
        _limit(MAKES_KEY, KEYS_PER_MINUTE),
        _limit(MAKES_PLAN, PLANS_PER_MINUTE),
        _limit(CHANGES_ALERT, ALERTS_PER_MINUTE),
    ]


def _limit(option: dict[str, bool], per_minute: int) -> DefineMiddleware:
    (name,) = option

    def identify(request: Request[Any, Any, Any]) -> str:
        return f"{name}:{request.user.organization_id}"

    config = RateLimitConfig(rate_limit=("minute", per_minute), identifier_for_request=identify)

    def limited(app: ASGIApp) -> ASGIApp:
        counting = config.middleware(app)

        async def choose(scope: Scope, receive: Receive, send: Send) -> None:
            counts = name in getattr(scope.get("route_handler"), "opt", {})
            await (counting if counts else app)(scope, receive, send)

        return choose

    return DefineMiddleware(limited)


def refuse_when_full(waiting: int, settings: Settings) -> None:
    """Raises 503 if as many jobs of the organization are waiting as the limit allows.

    Requests at the same moment may exceed it by their own number.
    """
    if waiting >= settings.max_waiting_jobs:
        raise Problem(
            503,
            f"{waiting} tests of your organization are already waiting; the limit is {settings.max_waiting_jobs};"
            " try again later",
            {"Retry-After": str(RETRY_SECONDS)},
        )


async def refuse_schedule(
    session: AsyncSession, source: DataSource, wanted: Plan, settings: Settings, now: datetime
) -> None:
    """Raises 409 if the source's organization would have too many schedules, or schedule too many tests.

    Until the caller commits, no other process gives a source of the organization a schedule.
    """
    await lock_organization(session, source.organization_id)
    refuse_too_many(wanted, await scheduled_plans(session, source.organization_id, [source.id]), settings, now)


def refuse_too_many_together(
    wanted: Mapping[Plan, int], others: Sequence[tuple[Plan, int]], settings: Settings, now: datetime
) -> None:
    """The same rule for sources that get their schedules at once, as if they came one after the other.

    `wanted` has the number of these sources by their schedule.
    """
    known = list(others)
    for plan, sources in wanted.items():
        refuse_too_many(plan, [*known, (plan, sources - 1)] if sources > 1 else known, settings, now)
        known.append((plan, sources))


def refuse_too_many(wanted: Plan, others: Sequence[tuple[Plan, int]], settings: Settings, now: datetime) -> None:
    """The rule: `others` are the schedules of the other sources, each with the number of sources that have it."""
    count = sum(sources for _, sources in others)
    if count >= settings.max_schedules:
        raise Problem(409, f"Your organization has {count} schedules; the limit is {settings.max_schedules}")
    distinct = {plan.times for plan, _ in others}
    if wanted.times not in distinct and len(distinct) >= settings.max_timetables:
        raise Problem(
            409,
            f"The schedules of your organization have {len(distinct)} different timetables; the limit is"
            f" {settings.max_timetables}. Use one of them",
        )
    rate = _rate(wanted, now)
    whole = rate + sum(_rate(plan, now) * sources for plan, sources in others)
    if rate and whole > settings.scheduled_tests_per_minute:
        raise Problem(
            409,
            f"The schedules of your organization would ask for {whole:.0f} tests a minute; the limit is"
            f" {settings.scheduled_tests_per_minute}. Use longer intervals",
        )


@lru_cache(4096)
def _rate(plan: Plan, now: datetime) -> float:
    """Checks a minute, computed once for all schedules that come together."""
    return plan.per_minute(now)
