"""Whether servers that the settings name answer, and how fast: asked before anything is started, and by `doctor`."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import httpx
from msgspec import Struct

from datasources.model.errors import SettingsError
from datasources.model.settings import Settings, variable
from deployments.stack.credential import CLIENT, PrefectAuth

ANSWER_SECONDS = 8.0
"""Seconds until a server that says nothing is named."""


class Probe(Struct, frozen=True):
    """What came of one question."""

    name: str
    ok: bool
    milliseconds: float
    says: str
    """What the server is, or why it is not to be used. One sentence, without a secret."""


async def require_servers(settings: Settings, credential: str | None = None) -> None:
    """Ask every server that the settings name, all at once. Raises `SettingsError` for one that does not answer.

    `credential` is that of Prefect's API.
    """
    given: dict[str, Callable[[str, str], Awaitable[Probe]]] = {
        "database_url": probe_database,
        "prefect_database_url": probe_database,
        "prefect_api_url": lambda name, url: probe_prefect(name, url, credential),
    }
    asked = [ask(variable(name), url) for name, ask in given.items() if (url := getattr(settings, name))]
    for probe in await asyncio.gather(*asked):
        if not probe.ok:
            raise SettingsError(f"{probe.name}: {probe.says}")


async def probe_database(name: str, url: str) -> Probe:
    """Log in to a PostgreSQL database, and ask for its version."""
    return await _timed(name, lambda: asyncio.to_thread(_log_in, url), _place(url, 5432))


async def probe_prefect(name: str, url: str, credential: str | None = None) -> Probe:
    """Ask Prefect's API whether it is well, and whether it takes our credential."""
    return await _timed(name, lambda: _ask_health(url, credential), _place(url, 443 if url.startswith("https") else 80))


async def _timed(name: str, ask: Callable[[], Awaitable[str]], place: str) -> Probe:
    began = time.monotonic()
    try:
        ok, says = True, await asyncio.wait_for(ask(), ANSWER_SECONDS + 1)
    except TimeoutError:
        ok, says = False, f"{place} does not answer within {ANSWER_SECONDS:.0f} s"
    except _No as no:
        ok, says = False, f"{place} {no}"
    return Probe(name, ok, round((time.monotonic() - began) * 1000, 1), says)


class _No(Exception):
    """The rest of a sentence that begins with the server's place."""


def _log_in(url: str) -> str:
    import psycopg
    from sqlalchemy.engine import make_url

    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(plain, connect_timeout=int(ANSWER_SECONDS), autocommit=True) as session:
            row = session.execute("SHOW server_version").fetchone()
    except psycopg.errors.ConnectionTimeout as error:
        raise TimeoutError from error
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0].rpartition("failed: ")[2]
        raise _No(f"cannot be used: {reason}") from error
    return f"PostgreSQL {row[0] if row else 'of an unknown version'}"


async def _ask_health(url: str, credential: str | None) -> str:
    auth = PrefectAuth(url, credential)
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS, auth=auth) as client:
            answer = await client.get(f"{url.rstrip('/')}/health")
            logged_in = await client.get(f"{url.rstrip('/')}/version")
    except httpx.TimeoutException as error:
        raise TimeoutError from error
    except httpx.HTTPError as error:
        raise _No(f"cannot be reached: {error}") from error
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return "Prefect asks for a credential"
    if answer.status_code != httpx.codes.OK or answer.text.strip() != "true":
        raise _No(f"answers {answer.status_code} when asked for its health; is it Prefect's API?")
    if logged_in.status_code == httpx.codes.UNAUTHORIZED and not os.environ.get("PREFECT_API_KEY"):
        raise _No(f"refuses the credential in {CLIENT}" if credential else f"asks for a credential: set {CLIENT}")
    return "Prefect is healthy"


def _place(url: str, port: int) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname or 'this machine'}:{parts.port or port}"
