"""All private and undocumented parts of Prefect that the server uses: no other module of this folder touches one.

Each docstring says why we need it, and which public way is missing. If a new version of Prefect changes one,
`tests/deployments/test_prefect_seams.py` says what breaks; docs/upgrading-prefect.md says how to upgrade.
"""

import functools
import logging
import sys
import zoneinfo
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

JSON_FORMATTER = "PREFECT_LOGGING_FORMATTERS_JSON_CLASS"
CONSOLE_FORMATTER = "PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER"
API_LOG_LEVEL = "PREFECT_LOGGING_HANDLERS_API_LEVEL"
"""Entries of Prefect's `logging.yml`. Prefect documents that the environment overrides them, but not their names."""

ENGINE_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
"""The loggers of the engine and of `get_run_logger`."""
ENGINES = ("flow_engine", "task_engine")
"""The engine's own modules, which tell its lines from those of a flow."""
REPORTS = ("Finished in state", "Task run failed with state", "Crash detected! Execution was cancelled")
"""How the engine's lines about a state begin; it logs the second and third as errors even for other states."""

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""The moment from which PostgreSQL counts microseconds (PostgreSQL, "Date/Time Types")."""
TOKENS = 1000
"""How many clients' tokens are kept at most."""
MICROSECOND = timedelta(microseconds=1)


def load_server() -> Callable[[], Any]:
    """Import all of Prefect's server, and return the function that makes what `prefect server start` serves.

    That command binds its port only after everything is loaded, and cannot take over a listening socket.
    """
    from prefect.server.api.server import create_app

    return functools.partial(create_app, final=True)


def start_prefect_logging() -> None:
    """Set up Prefect's logging in a process that runs no flow; Prefect has no public call for that."""
    from prefect.logging.configuration import ensure_logging_setup

    ensure_logging_setup()


def says_what_the_state_says(record: logging.LogRecord) -> bool:
    """Whether a line of the engine only repeats the run's state. No setting switches these lines off."""
    if record.module not in ENGINES:
        return False
    return record.levelno < logging.WARNING or record.getMessage().startswith(REPORTS)


def remember_time_zones() -> None:
    """Look up the names of all time zones only once per process; call this before Prefect's server is imported.

    Prefect 3.8.8 walks through the files of all time zones for each schedule that it reads: with a hundred schedules,
    most of its server's work. The files do not change while a process runs. Prefect has no setting for this.
    """
    zoneinfo.available_timezones = functools.cache(zoneinfo.available_timezones)


def plain_timestamps() -> None:
    """Give every connection that asyncpg opens from now on our own codec for times.

    asyncpg subtracts PostgreSQL's epoch from every time it sends. Up to Python 3.12, Prefect's times are pendulum's,
    whose subtraction builds an object of years, months and days: with some 300 times per flow run, that was 7 % of the
    server's work. From Python 3.13 on, Prefect uses Python's own class, and this function does nothing.
    """
    if sys.version_info < (3, 13):
        event.listen(Pool, "connect", _teach)


def encode(time: datetime) -> tuple[int]:
    """The microseconds since the epoch, by the subtraction of Python's own class, whatever the class of `time`."""
    return (datetime.__sub__(time, EPOCH) // MICROSECOND,)


def decode(microseconds: tuple[int]) -> datetime:
    """The time in UTC; for infinity, Python's last or first time without a zone, as asyncpg itself returns it."""
    try:
        return EPOCH + timedelta(microseconds=microseconds[0])
    except OverflowError:
        return datetime.max if microseconds[0] > 0 else datetime.min  # noqa: DTZ901


def _teach(connection: Any, _record: object) -> None:
    connection.run_async(
        lambda driver: driver.set_type_codec(
            "timestamptz", schema="pg_catalog", encoder=encode, decoder=decode, format="tuple"
        )
    )


AboutToken = Callable[..., Awaitable[Any]]
"""A function of Prefect's server that reads or makes the token of one `client`, in a database `session`."""


class Tokens:
    """The CSRF token of each client. Prefect's database holds them, and only `make` changes them there."""

    def __init__(self, read: AboutToken, make: AboutToken) -> None:
        self._read, self._make = read, make
        self._known: dict[str, Any] = {}
        self._making = Counter[str]()
        """New tokens being written, by client: meanwhile a read may return the old token or the new one."""

    async def read(self, *, session: Any, client: str) -> Any:
        """The client's token, from memory if it is known and has not expired; None if the client has none."""
        known = None if client in self._making else self._known.get(client)
        if known is not None and known.expiration > datetime.now(UTC):
            return known
        found = await self._read(session=session, client=client)
        if client not in self._making and self._known.get(client) is known and found is not None:
            self._remember(client, found)
        return found

    async def make(self, *, session: Any, client: str) -> Any:
        """A new token, which replaces the client's earlier one."""
        self._making[client] += 1
        try:
            made = await self._make(session=session, client=client)
        finally:
            self._making -= Counter({client: 1})
        self._remember(client, made)
        return made

    def _remember(self, client: str, token: Any) -> None:
        self._known[client] = token
        while len(self._known) > TOKENS:
            del self._known[next(iter(self._known))]


def remember_tokens() -> None:
    """Keep CSRF tokens in the memory of this process, the only one that makes them.

    Prefect's server reads the token of every request from its database, in a separate session: a twelfth of its work
    for a test. Prefect has no setting for this.
    """
    from prefect.server.models import csrf_token

    tokens = Tokens(csrf_token.read_token_for_client, csrf_token.create_or_update_csrf_token)
    csrf_token.read_token_for_client = tokens.read
    csrf_token.create_or_update_csrf_token = tokens.make
