"""Whether a test would be taken up and come to a verdict, and in a sentence each what is in the way."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.prefect.client import PrefectServer, Unreachable
from api.wire.schemas import Readiness
from datasources.catalogue.engine import is_usable
from datasources.catalogue.readiness import newest_error_codes, stored_secrets
from datasources.model.errors import SecretsError
from datasources.model.settings import Settings
from datasources.model.vocabulary import ErrorCode
from datasources.secrecy.vault import Vault

CATALOGUE = "The catalogue (SOURCECHECK_DATABASE_URL) does not answer, or its tables are not up to date"
PREFECT = "Prefect's server (PREFECT_API_URL) does not answer"
WORKER = "No worker of the work pool (SOURCECHECK_WORK_POOL) has sent a heartbeat lately"
NOT_KNOWN = "Whether a worker runs is unknown, because Prefect's server does not answer"
NO_DEPLOYMENT = "Prefect knows no deployment {name} ({variable}); `sourcecheck deploy` makes it"
WRONG_KEYS = (
    "SOURCECHECK_SECRET_KEYS cannot decrypt {unread} of the {tried} stored secrets that were tried; put back the key "
    "that they were encrypted with, behind the new one"
)
BROKEN_WORKER = (
    "Each of the {count} newest tests failed on our side, the last one with {code}: read the worker's log, and compare "
    "its SOURCECHECK_SECRET_KEYS and SOURCECHECK_DATABASE_URL with those of the API"
)
OUR_FAULTS = frozenset({ErrorCode.WORKER_LOST, ErrorCode.INTERNAL_ERROR})
IN_A_ROW = 5
"""Tests that failed on our side, one after the other, after which the worker counts as broken."""
LATELY = timedelta(minutes=15)
"""Older failures say nothing about now, and neither do those from before this process began."""
BEGAN = datetime.now(UTC)
PATIENCE_SECONDS = 5.0


async def readiness(
    settings: Settings, vault: Vault, sessions: async_sessionmaker[AsyncSession], prefect: PrefectServer
) -> Readiness:
    """Ask every part, all at once."""
    catalogue, answers, worker, deployments = await asyncio.gather(
        _holds(is_usable(sessions)),
        _holds(prefect.answers()),
        _holds(prefect.workers_seen(settings.work_pool)),
        _missing_deployment(settings, prefect),
    )
    secrets, codes = await _from_catalogue(sessions) if catalogue else ((), ())
    problems = {
        "catalogue": None if catalogue else CATALOGUE,
        "prefect": None if answers else PREFECT,
        "worker": None if worker else WORKER if answers else NOT_KNOWN,
        "settings": wrong_keys(vault, secrets) or deployments,
        "runs": broken_worker(codes),
    }
    found = {name: sentence for name, sentence in problems.items() if sentence}
    return Readiness(
        ready=not found,
        problems=found,
        **{name: name not in found for name in problems},
    )


def wrong_keys(vault: Vault, secrets: Sequence[bytes]) -> str | None:
    """What is wrong with the keys, by secrets that were stored with them: most of these cannot be read.

    One that cannot be read among many is that source's trouble, and no reason to take no tests.
    """
    unread = sum(not _can_read(vault, secret) for secret in secrets)
    if unread * 2 <= len(secrets):
        return None
    return WRONG_KEYS.format(unread=unread, tried=len(secrets))


def broken_worker(codes: Sequence[str | None]) -> str | None:
    """What the newest tests, newest first, say about the worker: that it fails every run, or nothing."""
    newest = codes[:IN_A_ROW]
    if len(newest) < IN_A_ROW or not all(code in OUR_FAULTS for code in newest):
        return None
    return BROKEN_WORKER.format(count=IN_A_ROW, code=newest[0])


def _can_read(vault: Vault, secret: bytes) -> bool:
    try:
        vault.open(secret)
    except SecretsError:
        return False
    return True


async def _from_catalogue(
    sessions: async_sessionmaker[AsyncSession],
) -> tuple[Sequence[bytes], Sequence[str | None]]:
    with suppress(SQLAlchemyError, TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS), sessions() as session:
            since = max(BEGAN, datetime.now(UTC) - LATELY)
            return await stored_secrets(session), await newest_error_codes(session, since, IN_A_ROW)
    return (), ()


async def _missing_deployment(settings: Settings, prefect: PrefectServer) -> str | None:
    """Which deployment Prefect does not have; None when it has all, or cannot be asked."""
    for variable in ("deployment", "health_deployment", "downloads_deployment"):
        name = getattr(settings, variable)
        try:
            known = await asyncio.wait_for(prefect.has_deployment(name), PATIENCE_SECONDS)
        except Unreachable:
            return None
        if not known:
            return NO_DEPLOYMENT.format(name=name, variable=f"SOURCECHECK_{variable.upper()}")
    return None


async def _holds(question: Awaitable[bool | int]) -> bool:
    try:
        return bool(await asyncio.wait_for(question, PATIENCE_SECONDS))
    except Unreachable:
        return False
